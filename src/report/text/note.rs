//! Remarks below the headline.

/// A remark below the headline.
pub struct Note {
    /// The subject; empty where the text contains it.
    pub label: &'static str,
    /// The remark.
    pub text: String,
}
