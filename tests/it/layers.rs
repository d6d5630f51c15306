//! Dependencies point downwards: between the modules of the library, and between the files of a folder.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::source::{paths, product};

/// The layers, from the top. Modules of one layer do not use each other.
const LAYERS: &[&[&str]] = &[
    &["board", "check"],
    &["report"],
    &["lab"],
    &["question"],
    &["serve", "survey", "compare", "similarity"],
    &["schema", "tls"],
    &["path", "profile"],
    &["file", "http1", "named", "pb", "untrusted"],
];

/// Modules that do not use certain ones, although these are in a lower layer.
const INDEPENDENT: &[(&str, &[&str])] = &[
    // The engine asks any question.
    ("survey", &["profile", "pb"]),
];

type Files = BTreeMap<String, String>;

/// Every import between modules that does not point to a lower layer, or to one that the module must not use.
fn upward(files: &Files) -> Vec<String> {
    let layer = |module: &str| LAYERS.iter().position(|layer| layer.contains(&module));
    let mut arrows = Vec::new();
    for (path, source) in files {
        let module = path.split(['/', '.']).next().unwrap_or_default();
        if ["lib", "main", "cli"].contains(&module) {
            continue;
        }
        let Some(from) = layer(module) else {
            arrows.push(format!("{path}: the module {module} is in no layer"));
            continue;
        };
        for path_used in paths(source, "crate::") {
            let name = &path_used[0];
            let is_excluded = INDEPENDENT.iter().any(|(independent, excluded)| {
                *independent == module && excluded.contains(&name.as_str())
            });
            match layer(name) {
                _ if name == module => {}
                _ if is_excluded => arrows.push(format!("{path}: must not use crate::{name}")),
                Some(to) if to > from => {}
                Some(_) => arrows.push(format!("{path}: uses crate::{name}")),
                None => arrows.push(format!("{path}: crate::{name} is in no layer")),
            }
        }
    }
    arrows
}

/// The children of a folder, and which of them use which. A child is a file or a folder in it; `mod` stands for
/// what the folder's own `mod.rs` defines.
fn uses(files: &Files, folder: &str) -> BTreeMap<String, BTreeSet<String>> {
    let inside = format!("{folder}/");
    let child = |path: &str| -> Option<String> {
        let name = path.strip_prefix(&inside)?;
        Some(name.split(['/', '.']).next()?.to_owned())
    };
    let children: BTreeSet<String> = files.keys().filter_map(|path| child(path)).collect();
    let crate_path: Vec<&str> = folder.split('/').collect();
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, source) in files {
        let Some(from) = child(path).filter(|from| from != "mod") else {
            continue;
        };
        let targets = uses.entry(from.clone()).or_default();
        let mut used = Vec::new();
        for path_used in paths(source, "crate::") {
            let (head, tail) = path_used.split_at(crate_path.len().min(path_used.len()));
            if head == crate_path {
                used.push(tail.first().cloned().unwrap_or_default());
            }
        }
        // From a file of this very folder `super` is the folder.
        if path
            .strip_prefix(&inside)
            .is_some_and(|name| !name.contains('/'))
        {
            used.extend(
                paths(source, "super::")
                    .into_iter()
                    .map(|path| path[0].clone()),
            );
        }
        for name in used {
            let target = if children.contains(&name) {
                name
            } else {
                "mod".to_owned()
            };
            if target != from {
                targets.insert(target);
            }
        }
    }
    uses
}

/// Files that import from their folder's `mod.rs`, and files that depend on each other in a circle.
fn circles(files: &Files) -> Vec<String> {
    let folders: BTreeSet<&str> = files
        .keys()
        .filter_map(|path| path.strip_suffix("/mod.rs"))
        .collect();
    let mut found = Vec::new();
    for folder in folders {
        let mut uses = uses(files, folder);
        for (from, targets) in &mut uses {
            if targets.remove("mod") {
                found.push(format!("{folder}/{from} imports from {folder}/mod.rs"));
            }
        }
        // What depends on nothing that is left is in order; what remains is in a circle, or above one.
        while let Some(free) = uses.iter().find(|(_, targets)| targets.is_empty()) {
            let free = free.0.clone();
            uses.remove(&free);
            uses.values_mut()
                .for_each(|targets| _ = targets.remove(&free));
        }
        if !uses.is_empty() {
            found.push(format!("{folder}: in a circle or above one: {uses:?}"));
        }
    }
    found
}

#[test]
fn modules_use_only_lower_layers() {
    let files = product();
    assert!(files.len() > 20, "the sources were not found");
    assert_eq!(upward(&files), Vec::<String>::new());
}

#[test]
fn files_of_a_folder_do_not_import_its_mod_rs_nor_each_other_in_a_circle() {
    assert_eq!(circles(&product()), Vec::<String>::new());
}

/// The drawing in the README names every module of the library, in the order of the layers.
#[test]
fn the_drawing_in_the_readme_shows_the_layers() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let drawing = readme.split("```text architecture\n").nth(1).unwrap();
    let drawing = drawing.split("```").next().unwrap();
    let drawn: Vec<_> = drawing
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let (above, drawn) = drawn.split_at(2);
    assert_eq!(above, ["main", "cli"]);
    let layer = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name));
    assert!(drawn.is_sorted_by_key(|name| layer(name)), "{drawn:?}");
    let mut drawn = drawn.to_vec();
    drawn.sort_unstable();
    let mut modules: Vec<_> = LAYERS
        .iter()
        .flat_map(|layer| layer.iter().copied())
        .collect();
    modules.sort_unstable();
    assert_eq!(drawn, modules);
}

fn sample(files: &[(&str, &str)]) -> Files {
    let owned = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    owned.collect()
}

#[test]
fn an_upward_import_is_found() {
    for (path, source, expected) in [
        ("profile.rs", "use crate::pb::X;", None),
        (
            "pb.rs",
            "use crate::profile::X;",
            Some("pb.rs: uses crate::profile"),
        ),
        (
            "similarity/pairs.rs",
            "use crate::{\n    profile::{self, Profile},\n    serve::run,\n};",
            Some("similarity/pairs.rs: uses crate::serve"),
        ),
        (
            "survey/call.rs",
            "use crate::profile::Profile;",
            Some("survey/call.rs: must not use crate::profile"),
        ),
        (
            "tls.rs",
            "fn f() { crate::report::x() }",
            Some("tls.rs: uses crate::report"),
        ),
        (
            "attic.rs",
            "",
            Some("attic.rs: the module attic is in no layer"),
        ),
    ] {
        let found = upward(&sample(&[(path, source)]));
        assert_eq!(
            found,
            expected.map(str::to_owned).into_iter().collect::<Vec<_>>()
        );
    }
}

#[test]
fn an_import_from_mod_rs_and_a_circle_are_found() {
    let files = |a: &str, b: &str| {
        sample(&[
            ("serve/mod.rs", "mod a; mod b; pub struct C;"),
            ("serve/a.rs", a),
            ("serve/b.rs", b),
        ])
    };
    assert!(circles(&files("use crate::serve::b::X;", "")).is_empty());
    for source in [
        "use crate::serve::C;",
        "use crate::serve::{C, b};",
        "use super::C;",
    ] {
        assert_eq!(
            circles(&files(source, "")),
            ["serve/a imports from serve/mod.rs"]
        );
    }
    assert_eq!(
        circles(&files("use crate::serve::b;", "use crate::serve::a::X;")).len(),
        1
    );
    let nested = sample(&[
        ("survey/mod.rs", ""),
        ("survey/outcome.rs", ""),
        ("survey/hosts/mod.rs", ""),
        (
            "survey/hosts/fold.rs",
            "use crate::survey::{hosts::Hosts, outcome::Outcome};",
        ),
    ]);
    assert_eq!(
        circles(&nested),
        ["survey/hosts/fold imports from survey/hosts/mod.rs"]
    );
}
