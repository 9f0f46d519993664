//! Eight words for a digest, for people to compare by eye or over the telephone: proquints (D. Wilkerson, "A Proposal for
//! Proquints", 2009), five letters for 16 bits, of the first 128 bits. What looks alike to two people has 2⁻¹²⁸ to be another.

use model::Digest;

const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aiou";

/// `lusab babad gutih tugad mudof sakat haguz biram`
pub fn words(digest: &Digest) -> String {
    let pairs = digest.as_bytes().as_chunks::<2>().0.iter().take(8);
    let words: Vec<String> = pairs.map(|pair| word(u16::from_be_bytes(*pair))).collect();
    words.join(" ")
}

fn word(bits: u16) -> String {
    let letter = |table: &[u8], shift: u16| {
        let index = usize::from(bits >> shift) & (table.len() - 1);
        table.get(index).map_or('b', |letter| char::from(*letter))
    };
    let (consonant, vowel) = (|shift| letter(CONSONANTS, shift), |shift| letter(VOWELS, shift));
    [consonant(12), vowel(10), consonant(6), vowel(4), consonant(0)].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The proposal's own examples are of 32 bits: IPv4 addresses.
    #[test]
    fn words_are_the_proposals() {
        for (address, expected) in [
            ([127, 0, 0, 1], "lusab babad"),
            ([63, 84, 220, 193], "gutih tugad"),
            ([63, 118, 7, 35], "gutuk bisog"),
            ([140, 98, 193, 141], "mudof sakat"),
            ([64, 255, 6, 200], "haguz biram"),
            ([147, 67, 119, 2], "natag lisaf"),
        ] {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&address);
            let told = words(&Digest::from_bytes(bytes));
            assert!(told.starts_with(expected), "{address:?}: {told}");
            assert_eq!(told.split(' ').count(), 8);
        }
    }
}
