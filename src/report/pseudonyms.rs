//! Names that distinguish people without identifying them.

use std::io;

use ring::{hmac, rand::SystemRandom};

/// Makes a name from an id and a random key that lasts as long as the report or the board.
///
/// Without the key the names cannot be found by trying all ids, of which a class has few.
pub struct Pseudonyms(hmac::Key);

impl Pseudonyms {
    /// A new key.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn new() -> io::Result<Self> {
        hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map(Self)
            .map_err(|_| io::Error::other("the system has no random numbers"))
    }

    /// Six letters and digits. With a billion names two people of a class will not share one.
    #[must_use]
    pub fn name(&self, id: &str) -> String {
        // Crockford's base 32: no I, L, O or U, which are misread from a distance.
        const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let tag = hmac::sign(&self.0, id.as_bytes());
        let letters = tag.as_ref().iter().take(6);
        letters
            .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonym_depends_on_the_id_and_on_the_key() {
        let (a, b) = ("1527406014", "1527406015");
        let names = Pseudonyms::new().unwrap();
        assert_eq!(names.name(a), names.name(a));
        assert_ne!(names.name(a), names.name(b));
        assert_ne!(names.name(a), Pseudonyms::new().unwrap().name(a));
        assert_eq!(names.name(a).len(), 6);
    }
}
