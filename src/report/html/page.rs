//! The page around the part that changes: its head, its policy, its style and shapes.

use std::time::Duration;

use askama::Template;
use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::report::{model::Report, text::headline};

/// The page around a [`crate::report::html::main`] part.
#[must_use]
pub fn page<'a>(report: &Report, main: &'a str, live: Option<Live<'a>>) -> impl Template + use<'a> {
    Page {
        title: headline(report, &report.summary()),
        version: env!("CARGO_PKG_VERSION"),
        style: STYLE,
        policy: policy(live.as_ref()),
        main,
        live,
    }
}

/// What makes a page live.
#[derive(Clone, Copy)]
pub struct Live<'a> {
    /// The script that replaces the main part.
    pub script: &'a str,
    /// How often a browser without scripts loads the page again.
    pub every: Duration,
}

impl Live<'_> {
    /// Whole seconds, the unit of HTML; at least one.
    fn seconds(&self) -> u64 {
        self.every.as_secs_f64().ceil().max(1.0) as u64
    }
}

const STYLE: &str = include_str!("../../../templates/page.css");

/// The Content-Security-Policy of a page: it allows the page's style and script, and nothing else.
#[must_use]
pub fn policy(live: Option<&Live<'_>>) -> String {
    let script = match live {
        Some(live) => format!(" script-src {}; connect-src 'self';", hash(live.script)),
        None => String::new(),
    };
    let style = hash(STYLE);
    format!(
        "default-src 'none'; style-src {style};{script} img-src data:; base-uri 'none'; form-action 'none'"
    )
}

/// The source expression for an inline element with this text (CSP level 3, 6.7.3.3).
fn hash(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    format!("'sha256-{}'", BASE64_STANDARD.encode(digest))
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    title: String,
    version: &'static str,
    style: &'static str,
    policy: String,
    main: &'a str,
    live: Option<Live<'a>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_allows_the_style_by_its_digest() {
        // Of an independent tool: printf '' | openssl dgst -sha256 -binary | base64
        assert_eq!(
            hash(""),
            "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
        );
        let policy = policy(None);
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(!policy.contains("script-src"), "{policy}");
    }
}
