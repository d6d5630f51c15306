//! The page around the part that changes: its head, its policy, its style and shapes.

use std::time::Duration;

use askama::Template;
use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::report::{
    model::{Findings, Report},
    text::headline,
    view::View,
};

/// The page around a [`crate::report::html::main`] part.
#[must_use]
pub fn page<'a>(
    report: &Report,
    view: &View<'_>,
    main: &'a str,
    live: Option<Live<'a>>,
) -> impl Template + use<'a> {
    Page {
        title: [
            &*headline(report, &report.summary()),
            view.title.unwrap_or("labrpc"),
        ]
        .join(" – "),
        version: env!("CARGO_PKG_VERSION"),
        style: style(&report.findings),
        policy: policy(&report.findings, live.as_ref()),
        skip: match &report.findings {
            Findings::Ranking(_) => ["#pairs", "Skip to who is alike"],
            Findings::Comparison(_) => ["#groups", "Skip to the groups of answers"],
        },
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

/// The style sheet of a page.
fn style(findings: &Findings) -> &'static str {
    match findings {
        Findings::Ranking(_) => include_str!("../../../templates/page.css"),
        Findings::Comparison(_) => concat!(
            include_str!("../../../templates/page.css"),
            include_str!("../../../templates/comparison.css")
        ),
    }
}

/// The Content-Security-Policy of a page: it allows the page's style and script, and nothing else.
#[must_use]
pub fn policy(findings: &Findings, live: Option<&Live<'_>>) -> String {
    let script = match live {
        Some(live) => format!(" script-src {}; connect-src 'self';", hash(live.script)),
        None => String::new(),
    };
    let style = hash(style(findings));
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
    /// Where the first link of the page leads, and its text.
    skip: [&'static str; 2],
    main: &'a str,
    live: Option<Live<'a>>,
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{
        report::{model::RunInfo, subjects::Subjects},
        similarity::Options,
    };

    #[test]
    fn policy_allows_the_style_by_its_digest() {
        // Of an independent tool: printf '' | openssl dgst -sha256 -binary | base64
        assert_eq!(
            hash(""),
            "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
        );
        let report = Report::files(
            RunInfo::since(UNIX_EPOCH, Vec::new()),
            Subjects::People(Vec::new()),
            Vec::new(),
            0,
            Options::default(),
        );
        let policy = policy(&report.findings, None);
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(!policy.contains("script-src"), "{policy}");
    }
}
