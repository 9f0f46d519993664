//! An inclusion proof (RFC 9162 §2.1.3) as a drawing: the entry at the bottom, on the way up what it is hashed with, left or
//! right as it stands in the tree, and the root on top. Pure; SVG without a word of anybody's in it.

use tlog::Hash;

const WIDE: usize = 640;
const STEP: usize = 46;

/// `path`: from the leaf's sibling up.
pub(crate) fn drawn(index: u64, size: u64, path: &[Hash]) -> String {
    let sides = sides(index, size, path.len());
    let height = (path.len() + 1) * STEP + 40;
    let (middle, foot) = (WIDE / 2, height - 28);
    let mut marks = format!(
        "<svg class=\"proof\" viewBox=\"0 0 {WIDE} {height}\" role=\"img\" aria-label=\"The way from entry {index} to the root\">"
    );
    for (nth, (hash, side)) in path.iter().zip(&sides).enumerate() {
        let (y, up) = (foot - nth * STEP, foot - (nth + 1) * STEP);
        let x = match side {
            Side::Left => middle - 190,
            Side::Right => middle + 190,
        };
        marks.push_str(&format!(
            "<path class=\"way\" d=\"M{middle} {y}V{up}\"/><path d=\"M{x} {y}L{middle} {up}\"/>"
        ));
        marks.push_str(&node("sibling", x, y, &short(hash)));
    }
    let top = foot - path.len() * STEP;
    for nth in 1..path.len() {
        marks.push_str(&node("way", middle, foot - nth * STEP, ""));
    }
    marks.push_str(&node("leaf", middle, foot, &format!("entry {index}")));
    if !path.is_empty() {
        marks.push_str(&node("root", middle, top, &format!("root of {size}")));
    }
    marks.push_str("</svg>");
    marks
}

fn node(class: &str, x: usize, y: usize, label: &str) -> String {
    let circle = format!("<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"7\"/>");
    if label.is_empty() {
        return circle;
    }
    let (anchor, at) = if x > WIDE / 2 {
        ("start", x + 14)
    } else if x < WIDE / 2 {
        ("end", x - 14)
    } else {
        ("start", x + 14)
    };
    format!("{circle}<text x=\"{at}\" y=\"{}\" text-anchor=\"{anchor}\">{label}</text>", y + 5)
}

fn short(hash: &Hash) -> String {
    hash.as_bytes().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Where a sibling stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Of each of the proof's hashes: what RFC 9162 §2.1.3.2 hashes them as.
fn sides(index: u64, size: u64, count: usize) -> Vec<Side> {
    let (mut node, mut last) = (index, size.saturating_sub(1));
    let mut sides = Vec::new();
    while sides.len() < count {
        if node % 2 == 1 || node == last {
            sides.push(Side::Left);
            while node % 2 == 0 && node != 0 {
                node /= 2;
                last /= 2;
            }
        } else {
            sides.push(Side::Right);
        }
        node /= 2;
        last /= 2;
    }
    sides
}

#[cfg(test)]
mod tests {
    use tlog::{Hash, leaf_hash, node_hash};

    use super::*;

    /// Hashed together as drawn, the proof comes to the root, for every entry of trees of every small size.
    #[test]
    fn what_is_drawn_comes_to_the_root() {
        for size in 1..40u64 {
            let leaves: Vec<Hash> = (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
            for index in 0..size {
                let path = path(&leaves, usize::try_from(index).unwrap());
                let sides = sides(index, size, path.len());
                let root = path.iter().zip(&sides).fold(
                    leaves[usize::try_from(index).unwrap()],
                    |hash, (other, side)| match side {
                        Side::Left => node_hash(other, &hash),
                        Side::Right => node_hash(&hash, other),
                    },
                );
                assert_eq!(root, tlog::root_of(&leaves), "{index} of {size}");
            }
        }
    }

    /// RFC 9162 §2.1.3.1, by its definition.
    fn path(leaves: &[Hash], index: usize) -> Vec<Hash> {
        if leaves.len() <= 1 {
            return Vec::new();
        }
        let split = leaves.len().next_power_of_two() / 2;
        let (left, right) = leaves.split_at(split);
        let (mut found, other) =
            if index < split { (path(left, index), right) } else { (path(right, index - split), left) };
        found.push(tlog::root_of(other));
        found
    }

    #[test]
    fn a_drawing_says_each_hash_once_and_nothing_else() {
        let leaves: Vec<Hash> = (0..5u8).map(|n| leaf_hash(&[n])).collect();
        let picture = drawn(4, 5, &path(&leaves, 4));
        assert_eq!(picture.matches("class=\"sibling\"").count(), 1);
        assert!(picture.contains("entry 4") && picture.contains("root of 5"), "{picture}");
        assert!(drawn(0, 1, &[]).contains("entry 0"));
    }
}
