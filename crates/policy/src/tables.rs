//! `tables.toml`: which operation table the bundle's verdicts rest on, by its digest. The table itself is too large for a
//! bundle's file and is the gateway's matter; what it is called here is what people sign for.

use model::Digest;

use crate::reader::Section;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// `None`: the bundle rests on no table of this gateway, and nothing is served by it.
    pub aws: Option<Digest>,
}

impl Tables {
    pub const FILE: &str = "tables.toml";

    /// The file's text.
    pub fn text(aws: Digest) -> String {
        format!(
            "# The operation table that verdicts rest on: what each operation of AWS does. It is the one of the version that wrote\n\
             # this (`countersign policy table`). A version that was built with another serves under both, the stricter of the\n\
             # two for each request, until a bundle that names its own is adopted.\n\
             aws = \"{aws}\"\n"
        )
    }
}

pub(crate) fn read_tables(root: &Section<'_>) -> Tables {
    Tables { aws: root.parsed::<Digest>("aws") }
}
