//! Man pages and completions, as `man` and bash use them.

use std::{collections::BTreeSet, fs, process::Command};

use crate::support::{file, labrpc, output, run, tool};

#[test]
fn man_pages_of_all_commands_are_written_into_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("man1");
    assert_eq!(output(labrpc().args(["man", "--dir"]).arg(&dir)).status, 0);
    let pages: BTreeSet<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .collect();
    for page in ["labrpc.1", "labrpc-survey.1", "labrpc-certs-issue.1"] {
        assert!(pages.contains(page), "{pages:?}");
    }
    for page in &pages {
        let text = fs::read_to_string(dir.join(page)).unwrap();
        for section in ["NAME", "SYNOPSIS", "EXAMPLES", "ENVIRONMENT", "EXIT STATUS"] {
            assert!(
                text.contains(&format!("\n.SH {section}\n")),
                "{page} lacks {section}"
            );
        }
        assert!(
            text.lines().next().is_some() && !text.contains("EXTRA"),
            "{page}"
        );
        assert!(text.contains("\"labrpc 0."), "{page} has another footer");
        // Every page that a page refers to is there.
        let references = text.lines().filter_map(|line| line.strip_suffix("(1)"));
        for reference in references {
            let name = format!("{}.1", reference.replace("\\-", "-"));
            assert!(pages.contains(&name), "{page} refers to {name}");
        }
    }
    let survey = fs::read_to_string(dir.join("labrpc-survey.1")).unwrap();
    assert!(survey.contains("[OPTIONS] [ENDPOINT]..."), "{survey}");
    assert!(survey.contains("\\fBLABRPC_MAX_TIME\\fR"), "{survey}");
    let Some(man) = tool("man") else {
        return;
    };
    for page in pages {
        let formatted = output(
            Command::new(&man)
                .args(["--warnings=w", "-l", "-P", "cat"])
                .arg(dir.join(&page))
                .env("MANWIDTH", "80"),
        );
        assert_eq!((formatted.status, &*formatted.stderr), (0, ""), "{page}");
    }
}

#[test]
fn man_prints_the_page_of_a_command_of_two_words() {
    let page = run(["man", "certs", "issue"]);
    assert_eq!(page.status, 0, "{page:?}");
    assert!(page.stdout.contains(".TH labrpc-certs-issue 1"), "{page:?}");
    let unknown = run(["man", "surveys"]);
    assert_eq!(unknown.status, 2, "{unknown:?}");
    assert!(
        unknown.stderr.contains("hint: one of serve, survey, "),
        "{unknown:?}"
    );
}

/// What bash completes the last word with, in a folder with one file.
fn completions(words: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    file(folder.path(), "a-file", "");
    let script = file(
        folder.path(),
        ".script",
        run(["completions", "bash"]).stdout,
    );
    let line = format!(
        "source {}; COMP_WORDS=({}); COMP_CWORD={}; \
         compopt() {{ :; }}; _labrpc labrpc \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script.display(),
        words.join(" "),
        words.len() - 1
    );
    let completed = output(
        Command::new("bash")
            .args(["-c", &line])
            .current_dir(folder.path()),
    );
    assert_eq!(completed.stderr, "", "{words:?}");
    let words = completed.stdout.lines().filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

#[test]
fn completions_offer_values_and_files_only_where_files_are_meant() {
    let nothing: &[&str] = &[];
    for (words, expected) in [
        (
            &["survey", "--metric", "''"][..],
            &["gower", "euclidean", "mahalanobis"][..],
        ),
        (
            &["serve", "--size", "X"],
            &["XXS", "XS", "XL", "XXL", "XXXL"],
        ),
        (
            &["serve", "--log", "''"],
            &["off", "error", "warn", "info", "debug", "trace"],
        ),
        (&["serve", "--protocols", "ra"], &["raw"]),
        (&["check", "--format", "''"], &["text", "json"]),
        (&["lab", "--faults", "''"], nothing),
        (&["survey", "--max-time", "''"], nothing),
        (&["serve", "--listen", "''"], nothing),
        (&["survey", "--hosts", "a"], &["a-file"]),
        (&["serve", "--profile", "a"], &["a-file"]),
    ] {
        let words = [&["labrpc"], words].concat();
        assert_eq!(completions(&words), expected, "{words:?}");
    }
    assert!(completions(&["labrpc", "man", "sur"]).contains(&"survey".to_owned()));
}

/// `cargo deb` packs files that `make deb` has generated before.
#[test]
fn debian_package_has_every_generated_file() {
    let root = env!("CARGO_MANIFEST_DIR");
    let read = |name: &str| fs::read_to_string(format!("{root}/{name}")).unwrap();
    let (manifest, makefile) = (read("Cargo.toml"), read("Makefile"));
    for (generated, installed) in [
        ("target/generated/man/*.1", "usr/share/man/man1/"),
        (
            "target/generated/labrpc.bash",
            "usr/share/bash-completion/completions/labrpc",
        ),
        (
            "target/generated/_labrpc",
            "usr/share/zsh/vendor-completions/",
        ),
        (
            "target/generated/labrpc.fish",
            "usr/share/fish/vendor_completions.d/",
        ),
    ] {
        let asset = format!("[\"{generated}\", \"{installed}\", \"644\"]");
        assert!(manifest.contains(&asset), "{asset}");
    }
    let recipe = makefile.split_once("\ndeb:").unwrap().1;
    let recipe = recipe.split("\n\n").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("generated");
    // The lines between the build and the packing, with this build and another folder.
    let script: Vec<_> = recipe
        .lines()
        .filter(|line| line.starts_with('\t') && !line.contains("$(CARGO)"))
        .map(|line| {
            line.trim_start()
                .replace(
                    "target/release/labrpc",
                    labrpc().get_program().to_str().unwrap(),
                )
                .replace("target/generated", dir.to_str().unwrap())
        })
        .collect();
    let made = output(Command::new("sh").args(["-ec", &script.join("\n")]));
    assert_eq!(made.status, 0, "{made:?}");
    for name in ["man/labrpc.1", "labrpc.bash", "_labrpc", "labrpc.fish"] {
        let size = fs::metadata(dir.join(name)).unwrap().len();
        assert!(size > 500, "{name}: {size}");
    }
}
