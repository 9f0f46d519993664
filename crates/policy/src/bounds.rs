//! Bounds a policy file before Cedar's parser sees it: the parser and what walks its trees recurse, so whatever deepens
//! a tree (brackets, chains of operators, accesses) is counted first. Not a parser: it may refuse, never accept.

/// Bytes of a file.
const MAX_FILE: usize = 32 * 1024;
/// Brackets within brackets.
const MAX_NESTING: usize = 32;
/// Operators of one rule; `a && b && c` is a tree as deep as it is long.
const MAX_OPERATORS: usize = 256;

/// Why a text is not handed to the parser.
pub(crate) fn check_bounds(text: &str) -> Result<(), String> {
    if text.len() > MAX_FILE {
        return Err(format!("longer than {MAX_FILE} bytes"));
    }
    let (mut nesting, mut operators) = (0usize, 0usize);
    let mut bytes = text.bytes().peekable();
    let mut word = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            word.push(byte);
            continue;
        }
        operators += usize::from(matches!(
            word.as_slice(),
            b"if" | b"then" | b"else" | b"in" | b"is" | b"has" | b"like"
        ));
        word.clear();
        match byte {
            b'/' if bytes.peek() == Some(&b'/') => while bytes.next_if(|next| *next != b'\n').is_some() {},
            b'"' => skip_text(&mut bytes),
            b'(' | b'[' | b'{' => {
                nesting += 1;
                operators += usize::from(byte == b'[');
                if nesting > MAX_NESTING {
                    return Err(format!("brackets nested deeper than {MAX_NESTING}"));
                }
            }
            b')' | b']' | b'}' => nesting = nesting.saturating_sub(1),
            b'&' | b'|' => {
                bytes.next_if_eq(&byte);
                operators += 1;
            }
            b'.' | b'!' | b'+' | b'-' | b'*' | b'@' => operators += 1,
            b';' => operators = 0,
            _ => {}
        }
        if operators > MAX_OPERATORS {
            return Err(format!("more than {MAX_OPERATORS} operators in one rule"));
        }
    }
    Ok(())
}

fn skip_text(bytes: &mut impl Iterator<Item = u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(), &str>) {
        assert_eq!(check_bounds(text), expected.map_err(str::to_owned), "{text:.80}");
    }

    #[test]
    fn what_deepens_a_tree_is_counted() {
        check("forbid (principal, action, resource);", Ok(()));
        check(&"(".repeat(33), Err("brackets nested deeper than 32"));
        check(&"()".repeat(1_000), Ok(()));
        check(&"a && ".repeat(257), Err("more than 256 operators in one rule"));
        check(&"if a then b else ".repeat(100), Err("more than 256 operators in one rule"));
        check(&"!".repeat(257), Err("more than 256 operators in one rule"));
        check(&".a".repeat(257), Err("more than 256 operators in one rule"));
        check(&"a.b.c;".repeat(1_000), Ok(()));
        // In texts and comments it deepens nothing; an escaped quote ends no text.
        check(&format!("\"{}\\\"{}\"", ".".repeat(300), "(".repeat(40)), Ok(()));
        check(&format!("// {}\n", "&&".repeat(300)), Ok(()));
        check(&" ".repeat(40_000), Err("longer than 32768 bytes"));
    }
}
