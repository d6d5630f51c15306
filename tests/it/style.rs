//! Rules of CONTRIBUTING.md that a program can check: words, names, and sizes.

use std::collections::BTreeMap;

use crate::source::{indent, product, texts, without_tests};

/// Words for people, or of this project alone, where the field has a term. Written in halves, so that this file
/// does not contain them.
const BANNED: &[(&str, &str)] = &[
    ("who", "ever"),
    ("some", "body"),
    ("no", "body"),
    ("every", "body"),
    ("any", "body"),
    ("when", "ce"),
    ("stran", "ger"),
    ("stran", "gers"),
    ("he", "ar"),
    ("he", "ars"),
    ("hea", "rd"),
    ("zo", "o"),
];

/// Lines of a file of `src` without its unit tests.
const MAX_FILE: usize = 400;

/// Lines of a function.
const MAX_FUNCTION: usize = 60;

/// The banned words of a text. The only place of the former name of `all` is the parser that still accepts it.
fn banned(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.contains("\"zo\u{6f}\"") && path == "src/lab/fault_list.rs" {
            continue;
        }
        let lower = line.to_lowercase();
        for word in lower.split(|c: char| !c.is_alphabetic()) {
            if BANNED.iter().any(|(a, b)| word.strip_prefix(a) == Some(b)) {
                found.push(format!("{path}:{}: {word}", number + 1));
            }
        }
    }
    found
}

/// The types that a file declares.
fn declared(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for line in text.lines() {
        let mut words = line
            .split_whitespace()
            .skip_while(|word| word.starts_with("pub"));
        if let Some("struct" | "enum" | "trait" | "type") = words.next()
            && let Some(name) = words.next()
        {
            let name = name.split(|c: char| !c.is_alphanumeric()).next();
            names.extend(name.filter(|name| name.starts_with(char::is_uppercase)));
        }
    }
    names
}

/// The functions of a file and how many lines each has.
fn functions(text: &str) -> Vec<(&str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, &line) in lines.iter().enumerate() {
        let Some((before, name)) = line.split_once("fn ") else {
            continue;
        };
        let modifiers = ["", "pub", "pub(crate)", "const", "async", "pub(super)"];
        if !before.split(' ').all(|word| modifiers.contains(&word)) {
            continue;
        }
        let close = format!("{}}}", indent(line));
        // A trait's declaration ends without a body.
        let end = format!("{})", indent(line));
        let is_end = |last: &&str| {
            *last == close || (last.ends_with(';') && (*last == line || last.starts_with(&end)))
        };
        let length = lines[start..].iter().position(is_end);
        let name = name.split(['(', '<']).next().unwrap_or_default();
        found.extend(length.map(|length| (name, length + 1)));
    }
    found
}

#[test]
fn no_banned_word_is_used() {
    let mut found = Vec::new();
    for (folder, endings) in [
        ("src", &[".rs"][..]),
        ("tests", &[".rs", ".go"]),
        ("benches", &[".rs", ".py", ".md", ".sh"]),
        ("docs", &[".md"]),
        ("templates", &[".html", ".css", ".js"]),
        ("contrib", &[""]),
        ("proto", &[".proto"]),
    ] {
        for (path, text) in texts(folder, endings) {
            found.extend(banned(&path, &text));
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for path in [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "Cargo.toml",
        "build.rs",
        "deny.toml",
    ] {
        found.extend(banned(
            path,
            &std::fs::read_to_string(root.join(path)).unwrap(),
        ));
    }
    assert!(
        found.is_empty(),
        "{} words:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn no_type_name_is_declared_twice() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in product() {
        for name in declared(&text) {
            places
                .entry(name.to_owned())
                .or_default()
                .push(path.clone());
        }
    }
    // `Target`, `Output` and their like are declared by traits of the standard library, of hyper and of tonic, `Answer`
    // by the survey's.
    let associated = [
        "Answer",
        "Data",
        "Decode",
        "Decoder",
        "Encode",
        "Encoder",
        "Err",
        "Error",
        "Future",
        "Item",
        "Output",
        "Response",
        "ResponseBody",
        "Service",
        "Target",
        "Value",
    ];
    places.retain(|name, paths| {
        paths.len() > 1 && !["Args", "Config"].contains(&&**name) && !associated.contains(&&**name)
    });
    assert_eq!(places, BTreeMap::new());
}

#[test]
fn files_and_functions_are_short() {
    let mut long = Vec::new();
    for (path, text) in product() {
        let lines = text.lines().count();
        if lines > MAX_FILE {
            long.push(format!("{path}: {lines} lines"));
        }
        for (name, length) in functions(&text) {
            if length > MAX_FUNCTION {
                long.push(format!("{path}: {name} has {length} lines"));
            }
        }
    }
    assert_eq!(long, Vec::<String>::new());
}

#[test]
fn each_rule_finds_its_breach() {
    let word = ["N", "obody"].concat();
    let text = format!("// fine\n// {word} is asked\n");
    assert_eq!(
        banned("a.rs", &text),
        [format!("a.rs:2: {}", word.to_lowercase())]
    );
    assert!(banned("a.rs", "the heart of the ear").is_empty());

    let text = "pub struct A<T>(T);\nenum B {}\nfn f(structure: u8) {}\npub(crate) trait C: D {}\n";
    assert_eq!(declared(text), ["A", "B", "C"]);

    let text =
        "impl A {\n    pub(crate) async fn f(\n        a: u8,\n    ) {\n        g();\n    }\n}\n";
    assert_eq!(functions(text), [("f", 5)]);
    let declarations = "trait A {\n    fn f(\n        a: u8,\n    ) -> u8;\n    fn g();\n}\nimpl A {\n    fn h() {\n    }\n}\n";
    assert_eq!(functions(declarations), [("f", 3), ("g", 1), ("h", 2)]);
    assert_eq!(
        functions(&without_tests(&format!(
            "#[cfg(test)]\nmod tests {{\n{text}}}\n"
        ))),
        []
    );
}
