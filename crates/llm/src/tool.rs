//! What a model may call: a name, what it does, what it takes. All of it is of this program's own source; nothing that was read
//! elsewhere becomes a tool.

use crate::schema::{Schema, SchemaError};

#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    name: &'static str,
    about: &'static str,
    schema: Schema,
}

/// Those of one conversation, each name once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tools(Vec<Tool>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    #[error("`{0}` is no name of a tool: 1 to 64 lower-case letters, digits and underscores")]
    Name(&'static str),
    #[error("there are two tools `{0}`")]
    Twice(&'static str),
    #[error("more than {MOST} tools")]
    TooMany,
    #[error("what `{name}` takes")]
    Schema { name: &'static str, source: SchemaError },
}

/// All protocols take as many, and a model that is offered more chooses badly.
const MOST: usize = 64;

impl Tool {
    /// # Errors
    /// Where the name or the schema is none.
    pub fn new(name: &'static str, about: &'static str, schema: &str) -> Result<Self, ToolError> {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !(1..=64).contains(&name.len()) || !name.bytes().all(letter) {
            return Err(ToolError::Name(name));
        }
        let schema = Schema::parse(schema).map_err(|source| ToolError::Schema { name, source })?;
        Ok(Self { name, about, schema })
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    pub fn about(&self) -> &'static str {
        self.about
    }

    pub fn schema(&self) -> &Schema {
        &self.schema
    }
}

impl Tools {
    /// # Errors
    /// Where two have one name, or there are too many.
    pub fn new(tools: Vec<Tool>) -> Result<Self, ToolError> {
        if tools.len() > MOST {
            return Err(ToolError::TooMany);
        }
        let mut names = std::collections::BTreeSet::new();
        match tools.iter().find(|tool| !names.insert(tool.name)) {
            Some(twice) => Err(ToolError::Twice(twice.name)),
            None => Ok(Self(tools)),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Tool> {
        self.0.iter()
    }

    pub fn find(&self, name: &str) -> Option<&Tool> {
        self.0.iter().find(|tool| tool.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: &str = r#"{"type": "object", "additionalProperties": false}"#;

    #[test]
    fn tools_are_told_apart() {
        let tool = |name| Tool::new(name, "does nothing", NOTHING);
        for bad in ["", "Two", "a b", "a-b", "ä"] {
            assert_eq!(tool(bad), Err(ToolError::Name(bad)));
        }
        assert!(matches!(Tool::new("x", "", "{}"), Err(ToolError::Schema { name: "x", .. })));
        let two = vec![tool("a").unwrap(), tool("a").unwrap()];
        assert_eq!(Tools::new(two), Err(ToolError::Twice("a")));
        assert_eq!(Tools::new(vec![tool("a").unwrap(); 65]), Err(ToolError::TooMany));
        let tools = Tools::new(vec![tool("a").unwrap(), tool("b").unwrap()]).unwrap();
        assert_eq!(tools.find("b").map(Tool::name), Some("b"));
        assert_eq!(tools.find("c"), None);
    }
}
