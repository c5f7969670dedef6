//! Ids and choices that a seed decides: the same seed and the same requests give the same ids.

use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// How many characters an id has behind its prefix.
const CHARACTERS: usize = 24;

/// The id with this number: its prefix, and characters that nobody can guess without the seed.
pub fn identifier(seed: u64, number: u64, prefix: &str) -> String {
    let drawn = draw(seed, number, prefix);
    let sign = |byte: &u8| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]);
    prefix.chars().chain(drawn.iter().take(CHARACTERS).map(sign)).collect()
}

/// One of several, the same each time for the same id.
pub fn choose<'a, T>(seed: u64, id: &str, from: &'a [T]) -> &'a T {
    &from[usize::from(draw(seed, 0, id)[0]) % from.len()]
}

fn draw(seed: u64, number: u64, name: &str) -> [u8; 32] {
    let digest = Sha256::new().chain_update(seed.to_be_bytes()).chain_update(number.to_be_bytes()).chain_update(name);
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_ids() {
        assert_eq!(identifier(1, 1, "pi_"), identifier(1, 1, "pi_"));
        let all = [identifier(1, 1, "pi_"), identifier(1, 2, "pi_"), identifier(2, 1, "pi_"), identifier(1, 1, "ch_")];
        assert!(all.iter().all(|id| id.len() == 27 && id.is_ascii()), "{all:?}");
        let different: std::collections::BTreeSet<_> = all.iter().map(|id| &id[3..]).collect();
        assert_eq!(different.len(), all.len(), "{all:?}");
        assert_eq!(choose(1, "pi_1", &[1, 2, 3]), choose(1, "pi_1", &[1, 2, 3]));
    }
}
