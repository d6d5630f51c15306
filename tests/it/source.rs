//! The product's own source code, as the tests of its structure and style read it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The files below `folder` of the repository whose names end as given: path in the repository, and text.
pub(crate) fn texts(folder: &str, endings: &[&str]) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    files(&root.join(folder), &mut paths);
    let texts: BTreeMap<String, String> = paths
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            (name.replace('\\', "/"), path)
        })
        .filter(|(name, _)| endings.iter().any(|ending| name.ends_with(ending)))
        .filter(|(name, _)| !name.contains("/target/") && !name.contains("/runs/"))
        .map(|(name, path)| (name, fs::read_to_string(path).unwrap()))
        .collect();
    assert!(!texts.is_empty(), "{folder} has no such files");
    texts
}

/// The Rust files of `src`, by their path there, without their unit tests.
pub(crate) fn product() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for (path, text) in texts("src", &[".rs"]) {
        files.insert(path["src/".len()..].to_owned(), without_tests(&text));
    }
    files
}

/// The text without the modules under `#[cfg(test)]`. rustfmt closes a module at the indent it opened with.
pub(crate) fn without_tests(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            kept += line;
            kept.push('\n');
            continue;
        }
        let item = lines.next().unwrap_or_default();
        if item.ends_with('{') {
            let close = format!("{}}}", indent(item));
            lines.by_ref().find(|line| *line == close);
        }
    }
    kept
}

/// The white space that a line begins with.
pub(crate) fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

/// Every path behind `prefix` (such as `crate::`), groups resolved: `a::{b, c::D}` is `[a, b]` and `[a, c, D]`.
pub(crate) fn paths(text: &str, prefix: &str) -> Vec<Vec<String>> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut found = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back();
        if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':' && c != '$') {
            tree(&code[at + prefix.len()..], &[], &mut found);
        }
    }
    found
}

/// Reads one path or one group of a `use` tree, and returns how many bytes it took.
fn tree(text: &str, parents: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut at = text.len() - text.trim_start().len();
    if text[at..].starts_with('{') {
        at += 1;
        loop {
            at += text[at..].len() - text[at..].trim_start_matches([',', ' ', '\n']).len();
            match text[at..].chars().next() {
                None => return at,
                Some('}') => return at + 1,
                Some(_) => {}
            }
            let taken = tree(&text[at..], parents, found);
            // What is not a path ends the group: the text is not a `use` tree.
            if taken == 0 {
                return at;
            }
            at += taken;
        }
    }
    let name: String = text[at..]
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '*')
        .collect();
    if name.is_empty() {
        return 0;
    }
    at += name.len();
    let path = [parents, &[name]].concat();
    if let Some(rest) = text[at..].strip_prefix("::") {
        return at + 2 + tree(rest, &path, found);
    }
    if let Some(rest) = text[at..].strip_prefix(" as ") {
        at += 4 + rest.find([',', ';', '}', '\n']).unwrap_or(rest.len());
    }
    found.push(path);
    at
}

#[test]
fn paths_are_read_out_of_nested_groups() {
    let text = "use crate::{\n    a::{self, B as C},\n    d,\n};\nfn f() { crate::e::f(1) } // x\n// crate::g";
    let expected = [&["a", "self"][..], &["a", "B"], &["d"], &["e", "f"]];
    assert_eq!(paths(text, "crate::"), expected);
}

#[test]
fn unit_tests_are_left_out() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\nfn c() {}\n";
    assert_eq!(without_tests(text), "fn a() {}\nfn c() {}\n");
}
