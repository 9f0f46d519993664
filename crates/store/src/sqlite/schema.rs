//! Tables. A document stands last in its row, so that looking at columns does not read it.

/// In `PRAGMA user_version`. A file of layout 1 to 4 is brought up to this one where it is opened to write; of any other it is
/// not opened.
pub(crate) const LAYOUT: i64 = 5;
pub(crate) const FOURTH_LAYOUT: i64 = 4;
pub(crate) const THIRD_LAYOUT: i64 = 3;
pub(crate) const SECOND_LAYOUT: i64 = 2;
pub(crate) const FIRST_LAYOUT: i64 = 1;
/// The oldest that has every table of which a projection and its reach are made: what an earlier version left, a backup
/// above all, can be verified as it is.
pub(crate) const OLDEST_READ: i64 = THIRD_LAYOUT;
/// In `PRAGMA application_id`: "CSgn".
pub(crate) const APPLICATION: i64 = 0x4353_676e;

/// `one_open_change` repeats what [`Tx`](crate::Tx) checks: two open changes with one digest cannot lie in a file.
pub(crate) const CREATE: &str = "
CREATE TABLE sessions (
    id TEXT PRIMARY KEY NOT NULL,
    access_key TEXT NOT NULL UNIQUE,
    document BLOB NOT NULL
) STRICT;

CREATE TABLE changes (
    id TEXT PRIMARY KEY NOT NULL,
    digest TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    session TEXT NOT NULL,
    agent TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    document BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_open_change ON changes (digest)
    WHERE state IN ('held', 'approved', 'executing', 'unknown');
CREATE INDEX changes_by_digest ON changes (digest, created_at, id);
CREATE INDEX changes_by_time ON changes (created_at, id);
CREATE INDEX changes_by_state ON changes (state, created_at, id);
CREATE INDEX changes_by_session ON changes (session, created_at, id);
CREATE INDEX changes_by_agent ON changes (agent, created_at, id);

CREATE TABLE approvals (
    change TEXT NOT NULL,
    person TEXT NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (change, person)
) STRICT;

CREATE TABLE deeds (
    change TEXT NOT NULL,
    step INTEGER NOT NULL,
    session TEXT NOT NULL,
    agent TEXT NOT NULL,
    at INTEGER NOT NULL,
    destroys INTEGER NOT NULL,
    lowers_protection INTEGER NOT NULL,
    touches_backup INTEGER NOT NULL,
    destroys_data INTEGER NOT NULL,
    PRIMARY KEY (change, step)
) STRICT, WITHOUT ROWID;
CREATE INDEX deeds_by_session ON deeds (session, at);
CREATE INDEX deeds_by_agent ON deeds (agent, at);

CREATE TABLE marks (
    change TEXT NOT NULL,
    mark TEXT NOT NULL,
    target TEXT NOT NULL,
    session TEXT NOT NULL,
    agent TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (change, mark, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX marks_by_target ON marks (target, mark, at);

CREATE TABLE signatures (
    change TEXT NOT NULL,
    signature TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (change, signature)
) STRICT, WITHOUT ROWID;
CREATE INDEX signatures_by_value ON signatures (signature, at, change);

CREATE TABLE derived_by (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    rules TEXT NOT NULL
) STRICT;

CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    entry TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    place INTEGER UNIQUE,
    bytes BLOB NOT NULL
) STRICT;
CREATE INDEX outbox_by_time ON outbox (at);
CREATE INDEX outbox_pending ON outbox (number) WHERE place IS NULL;
";

/// What layout 2 has and layout 1 had not. What Countersign itself has under way is found by its agent and state: few among very many.
pub(crate) const SINCE_FIRST: &str = "
CREATE INDEX changes_by_agent_and_state ON changes (agent, state, created_at, id);

CREATE TABLE charges (
    change TEXT NOT NULL,
    step INTEGER NOT NULL,
    allowance TEXT NOT NULL,
    at INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (change, step, allowance)
) STRICT, WITHOUT ROWID;
CREATE INDEX charges_by_allowance ON charges (allowance, at);
";

/// What layout 3 has and layout 2 had not. Rows are only ever added at the end, and a body that goes is overwritten where
/// it lies with as many zeros: so SQLite never moves one, and leaves no copy in a part of a page that it does not use.
pub(crate) const SINCE_SECOND: &str = "
CREATE TABLE bodies (
    number INTEGER PRIMARY KEY NOT NULL,
    commitment TEXT NOT NULL UNIQUE,
    kept INTEGER NOT NULL CHECK (kept IN (0, 1)),
    salt BLOB NOT NULL,
    bytes BLOB NOT NULL
) STRICT;
";

/// What layout 4 has and layout 3 had not. Of a session's changes, those that came to one end are few among many.
pub(crate) const SINCE_THIRD: &str = "
CREATE INDEX changes_by_session_and_state ON changes (session, state, created_at, id);

CREATE TABLE asked (
    session TEXT NOT NULL,
    came TEXT NOT NULL,
    operation TEXT NOT NULL,
    target TEXT NOT NULL,
    why TEXT NOT NULL,
    times INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (session, came, operation, target, why)
) STRICT, WITHOUT ROWID;
";

/// What layout 5 has and layout 4 had not: which entries are about a change, for whoever looks at that change.
pub(crate) const SINCE_FOURTH: &str = "
CREATE TABLE recorded (
    change TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (change, number)
) STRICT, WITHOUT ROWID;
";
