//! The house has no stairs that go up: each module of the library uses only those in rows below it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The rows, from the top. Modules in one row do not know each other.
const ROWS: &[&[&str]] = &[
    &["board", "check"],
    &["report"],
    &["lab"],
    &["serve", "survey", "similarity"],
    &["tls"],
    &["profile"],
    &["file", "pb", "untrusted"],
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules that a file names behind `crate::`, whether in a `use`, a group or a path.
fn imports(source: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_ascii_lowercase() || *c == '_')
            .collect()
    };
    let mut names = Vec::new();
    for (at, _) in source.match_indices("crate::") {
        let rest = &source[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => names.push(word(rest)),
            Some(group) => {
                let mut depth = 0_i32;
                let mut start = true;
                for (at, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if c.is_whitespace() => {}
                        _ if start => {
                            names.push(word(&group[at..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    names
}

/// Every import that does not go down.
fn upward(files: &BTreeMap<String, String>) -> Vec<String> {
    let row = |module: &str| ROWS.iter().position(|row| row.contains(&module));
    let mut arrows = Vec::new();
    for (path, source) in files {
        let module = path.split(['/', '.']).next().unwrap_or_default();
        if ["lib", "main", "cli"].contains(&module) {
            continue;
        }
        let Some(from) = row(module) else {
            arrows.push(format!("{path}: the module {module} is in no row"));
            continue;
        };
        if source.contains("super::super") {
            arrows.push(format!("{path}: reaches up with super::"));
        }
        for name in imports(source) {
            match row(&name) {
                _ if name == module => {}
                Some(to) if to > from => {}
                Some(_) => arrows.push(format!("{path}: uses crate::{name}")),
                None => arrows.push(format!("{path}: crate::{name} is in no row")),
            }
        }
    }
    arrows
}

#[test]
fn no_arrow_goes_up() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    let files: BTreeMap<String, String> = paths
        .into_iter()
        .map(|path| {
            let name = path
                .strip_prefix(&root)
                .unwrap()
                .to_string_lossy()
                .replace('\\', "/");
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    assert!(files.len() > 20, "the sources were not found");
    assert_eq!(upward(&files), Vec::<String>::new());
}

/// The drawing in the README names every room of the library, in the order of the rows.
#[test]
fn the_drawing_is_the_house() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let drawing = readme
        .split("```text architecture\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let drawn: Vec<_> = drawing
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let (above, drawn) = drawn.split_at(2);
    assert_eq!(above, ["main", "cli"]);
    let row = |name: &str| ROWS.iter().position(|row| row.contains(&name));
    assert!(drawn.is_sorted_by_key(|name| row(name)), "{drawn:?}");
    let mut drawn = drawn.to_vec();
    drawn.sort_unstable();
    let mut rooms: Vec<_> = ROWS.iter().flat_map(|row| row.iter().copied()).collect();
    rooms.sort_unstable();
    assert_eq!(drawn, rooms);
}

#[test]
fn an_arrow_that_goes_up_is_seen() {
    let file =
        |path: &str, source: &str| upward(&BTreeMap::from([(path.to_owned(), source.to_owned())]));
    assert_eq!(
        file("profile.rs", "use crate::pb::X;"),
        Vec::<String>::new()
    );
    assert_eq!(
        file("pb.rs", "use crate::profile::X;"),
        ["pb.rs: uses crate::profile"]
    );
    assert_eq!(
        file(
            "survey/call.rs",
            "use crate::{\n    profile::{self, Profile},\n    serve::run,\n};"
        ),
        ["survey/call.rs: uses crate::serve"]
    );
    assert_eq!(
        file("tls.rs", "fn f() { crate::report::x() }"),
        ["tls.rs: uses crate::report"]
    );
    assert_eq!(
        file("attic.rs", ""),
        ["attic.rs: the module attic is in no row"]
    );
}
