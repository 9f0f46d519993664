//! Model types to rows and back. What is read is what the document says, and only where id and columns agree with it.

use model::{Approval, Change, Digest, Session, Subject};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    StorageError, StoredBody,
    rows::{ApprovalRow, ChangeRow, SessionRow},
};

/// A stored document as it lies there, for the auditor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// `session`, `change` or `approval`, as in a ledger entry's subject.
    pub table: String,
    pub id: String,
    pub bytes: Vec<u8>,
    /// How the row around the document contradicts it, where it does: somebody edited one of the two.
    pub altered: Option<String>,
}

/// The database as the auditor compares it with the log: one consistent state of all documents, and which entries of
/// the log that state goes with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Projection {
    pub documents: Vec<Document>,
    pub bodies: Vec<StoredBody>,
    /// How many entries of the log the database knows to be there.
    pub sequenced: u64,
    /// Entries that were recorded with these documents and come next in the log, in order.
    pub pending: Vec<Vec<u8>>,
}

/// What a change says of its actions takes far less; this keeps memory bounded.
const MAX_BYTES: usize = 64 << 20;

/// A model type that is kept as a row.
pub(crate) trait Stored: Sized + Serialize + DeserializeOwned {
    type Row;
    const TABLE: &'static str;
    fn id(&self) -> String;
    fn row(&self, document: Vec<u8>) -> Result<Self::Row, StorageError>;
    fn id_of(row: &Self::Row) -> String;
    fn bytes_of(row: &Self::Row) -> &[u8];
    /// The first column that contradicts `self`.
    fn contradiction(&self, row: &Self::Row) -> Option<&'static str>;
}

/// The row, and what a ledger entry says of it.
pub(crate) fn encode<T: Stored>(value: &T) -> Result<(T::Row, Subject), StorageError> {
    let (table, id) = (T::TABLE, value.id());
    let document = serde_json::to_vec(value).map_err(|err| StorageError::Encoding {
        table,
        id: id.clone(),
        cause: err.to_string(),
    })?;
    if document.len() > MAX_BYTES {
        return Err(StorageError::DocumentTooLarge { table, id, bytes: document.len(), max: MAX_BYTES });
    }
    let subject = Subject { table: table.to_owned(), id, state: Digest::of(&document) };
    Ok((value.row(document)?, subject))
}

pub(crate) fn decode<T: Stored>(row: &T::Row) -> Result<T, StorageError> {
    let tampered = |what: String| StorageError::Tampered { table: T::TABLE, id: T::id_of(row), what };
    let bytes = T::bytes_of(row);
    if bytes.len() > MAX_BYTES {
        return Err(tampered("its document is larger than any that is written".to_owned()));
    }
    let value: T = serde_json::from_slice(bytes)
        // Serde's message may quote the document, so only the place is told.
        .map_err(|err| {
            tampered(format!("its document cannot be read (line {}, column {})", err.line(), err.column()))
        })?;
    match value.contradiction(row) {
        Some(column) => Err(tampered(format!("its {column} contradicts its document"))),
        None => Ok(value),
    }
}

impl Stored for Session {
    type Row = SessionRow;
    const TABLE: &'static str = "session";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn row(&self, document: Vec<u8>) -> Result<SessionRow, StorageError> {
        Ok(SessionRow { id: self.id.to_string(), access_key: self.access_key.clone(), document })
    }

    fn id_of(row: &SessionRow) -> String {
        row.id.clone()
    }

    fn bytes_of(row: &SessionRow) -> &[u8] {
        &row.document
    }

    fn contradiction(&self, row: &SessionRow) -> Option<&'static str> {
        first([("id", row.id != self.id.to_string()), ("access key", row.access_key != self.access_key)])
    }
}

impl Stored for Change {
    type Row = ChangeRow;
    const TABLE: &'static str = "change";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn row(&self, document: Vec<u8>) -> Result<ChangeRow, StorageError> {
        let version = i64::try_from(self.version).map_err(|_| StorageError::Encoding {
            table: Self::TABLE,
            id: self.id.to_string(),
            cause: "its version is beyond counting".to_owned(),
        })?;
        Ok(ChangeRow {
            id: self.id.to_string(),
            digest: self.digest.to_string(),
            state: self.state.name().to_owned(),
            version,
            session: self.session.to_string(),
            agent: self.chain.agent.to_string(),
            created_at: self.created_at.millis(),
            document,
        })
    }

    fn id_of(row: &ChangeRow) -> String {
        row.id.clone()
    }

    fn bytes_of(row: &ChangeRow) -> &[u8] {
        &row.document
    }

    fn contradiction(&self, row: &ChangeRow) -> Option<&'static str> {
        first([
            ("id", row.id != self.id.to_string()),
            ("digest", row.digest != self.digest.to_string()),
            ("state", row.state != self.state.name()),
            ("version", u64::try_from(row.version) != Ok(self.version)),
            ("session", row.session != self.session.to_string()),
            ("agent", row.agent != self.chain.agent.as_str()),
            ("time", row.created_at != self.created_at.millis()),
        ])
    }
}

impl Stored for Approval {
    type Row = ApprovalRow;
    const TABLE: &'static str = "approval";

    /// A change and a person: nobody counts twice.
    fn id(&self) -> String {
        format!("{}/{}", self.change, self.person)
    }

    fn row(&self, document: Vec<u8>) -> Result<ApprovalRow, StorageError> {
        Ok(ApprovalRow { change: self.change.to_string(), person: self.person.to_string(), document })
    }

    fn id_of(row: &ApprovalRow) -> String {
        format!("{}/{}", row.change, row.person)
    }

    fn bytes_of(row: &ApprovalRow) -> &[u8] {
        &row.document
    }

    fn contradiction(&self, row: &ApprovalRow) -> Option<&'static str> {
        first([
            ("change", row.change != self.change.to_string()),
            ("person", row.person != self.person.as_str()),
        ])
    }
}

fn first<const N: usize>(columns: [(&'static str, bool); N]) -> Option<&'static str> {
    columns.into_iter().find(|(_, differs)| *differs).map(|(name, _)| name)
}
