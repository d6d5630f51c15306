//! Reading people from files: accepted rows, rejected rows and their messages.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    process::Command,
};

use labrpc::{
    profile::{FIELDS, Profile},
    report::{
        read::{Error, MAX_LINE, MAX_REJECTED, People, Reason, read},
        saved_runs::{self, Purpose},
    },
    similarity::{Options, rank},
};
use proptest::prelude::*;

use crate::support;

fn read_bytes(bytes: impl Read) -> Result<People, Error> {
    let mut people = People::default();
    people.read_from(bytes, Path::new("file"), false, |_| ())?;
    Ok(people)
}

/// The profiles, then the rejected rows, one a line; or the error.
fn shown(text: &[u8]) -> String {
    match read_bytes(text) {
        Ok(people) => {
            assert_eq!(people.rejections, people.rejected.len() as u64);
            let profiles = people.profiles.iter().map(ToString::to_string);
            let rejected = people.rejected.iter().map(ToString::to_string);
            profiles.chain(rejected).collect::<Vec<_>>().join("\n")
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn csv_json_lines_and_saved_runs_are_read_and_bad_rows_described() {
    let run = concat!(
        r#"{"labrpc_run":1,"version":"0.1.0","metric":"gower"}"#,
        "\n",
        r#"{"line":1,"endpoint":"a:1024","outcome":"ok","profile":{"id":"a","height":178,"weight":60.5,"size":"XXL"},"detail":null}"#,
        "\n",
        r#"{"line":2,"endpoint":"b:1024","outcome":"refused","profile":null,"detail":null}"#,
        "\n",
        r#"{"line":3,"endpoint":"c:1024","outcome":"duplicate_id","profile":{"id":"c","height":170,"weight":60,"size":"M"}}"#,
        "\n",
        r#"{"line":4,"endpoint":"d:1024","outcome":"ok","profile":null}"#,
        "\n",
        r#"{"rank":1,"a":"a","b":"c","distance":12.5,"terms":{"height":7}}"#,
        "\n",
        r#"{"asked":3,"ok":1,"outcomes":{"ok":1}}"#,
        "\n",
    );
    let table: &[(&[u8], &str)] = &[
        // CSV: any order, more columns, capitals, CRLF, a byte order mark, no end of line at the end.
        (
            b"id,height,weight,size\na,178,60.5,XXL",
            "a: 178 cm, 60.5 kg, XXL",
        ),
        (
            b"\xef\xbb\xbfSize,x,ID,Weight,height\r\n2xl,?,a,60.5,178\r\n",
            "a: 178 cm, 60.5 kg, XXL",
        ),
        (
            b"\n\nid,height,weight,size\n\na,178,60,s\n\n",
            "a: 178 cm, 60 kg, S",
        ),
        (
            b"id,height,weight,size\na, 178.04 ,6e1, m \n",
            "a: 178 cm, 60 kg, M",
        ),
        // Quotes as RFC 4180 has them, with line ends within.
        (
            b"id,note,\"height\",weight,size\n\"a\",\"x,\"\"\n\n,y\"\"\",178,60,\"S\"\nb,,1,60,S\n",
            "a: 178 cm, 60 kg, S\nfile:5: height 1 is not within 50 to 272 cm (is that in metres? send centimetres)",
        ),
        (
            b"id,note,height,weight,size\na,5'10\" tall,178,60,S\n",
            "a: 178 cm, 60 kg, S",
        ),
        (
            b"id,note,height,weight,size\na,\"open,178,60,S\nb,,178,60,S\nc,,178,60,S\n",
            "b: 178 cm, 60 kg, S\nc: 178 cm, 60 kg, S\nfile:2: a cell's quotes are not closed; write \"\" for a quote within quotes",
        ),
        (
            b"id,note,height,weight,size\na,\"x\"y,178,60,S\n",
            "file:2: a cell's quotes are not closed; write \"\" for a quote within quotes",
        ),
        // A spreadsheet's guard is no part of an id. What is guarded otherwise is shown as it was.
        (
            b"id,height,weight,size\n'-1,178,60,S\n'1,178,60,S\n",
            "-1: 178 cm, 60 kg, S\nfile:3: id \"'1\" is not 1 to 32 characters of 0-9 A-Z a-z _ -",
        ),
        // A saved survey; without its endpoints, an outcome is but another column.
        (
            b"endpoint,outcome,id,height,weight,size\nx,ok,a,178,60,S\nx,refused,,,,\nx,duplicate_id,b,178,60,S\nx,ok,,1,1,S",
            "a: 178 cm, 60 kg, S\nb: 178 cm, 60 kg, S\nfile:5: id is missing; height 1 is not within 50 to 272 cm \
             (is that in metres? send centimetres); weight 1 is not within 10 to 650 kg",
        ),
        (
            b"outcome,id,height,weight,size\nlost,a,178,60,S\n",
            "a: 178 cm, 60 kg, S",
        ),
        // Bad values.
        (
            b"id,height,weight,size\na,,60,S\n",
            "file:2: height is missing",
        ),
        (
            b"id,height,weight,size\na,178\n",
            "file:2: weight and size are missing",
        ),
        (
            b"id,height,weight,size\na,NaN,60,S\n",
            "file:2: height NaN is not within 50 to 272 cm",
        ),
        (
            b"id,height,weight,size\na,inf,60,S\n",
            "file:2: height inf is not within 50 to 272 cm",
        ),
        (
            b"id,height,weight,size\na,1e308,60,S\n",
            "file:2: height 1e308 is not within 50 to 272 cm",
        ),
        (
            b"id,height,weight,size\na,178,-0,S\n",
            "file:2: weight -0 is not within 10 to 650 kg",
        ),
        (
            b"id,height,weight,size\na,178,-60,S\n",
            "file:2: weight -60 is not within 10 to 650 kg",
        ),
        (
            b"id,height,weight,size\na,178,sixty,S\n",
            "file:2: weight \"sixty\" is not a number of kg, such as 60 or 60.5, with a point",
        ),
        (
            b"id,height,weight,size\na,178,60,\xff\n",
            "file:2: size \"\u{fffd}\" is none of XXS XS S M L XL XXL XXXL (or 2XS 2XL 3XL)",
        ),
        (
            b"id,height,weight,size\n\x1b[2J,178,60,S\n",
            "file:2: id \"\\u{1b}[2J\" is not 1 to 32 characters of 0-9 A-Z a-z _ -",
        ),
        (
            b"id,height,weight,size\n,178,60,S\n",
            "file:2: id is missing",
        ),
        // Bad files.
        (
            b"",
            "file: the file is empty; give CSV (id,height,weight,size), JSON Lines or a saved run",
        ),
        (
            b"\n \r\n",
            "file: the file is empty; give CSV (id,height,weight,size), JSON Lines or a saved run",
        ),
        (
            b"id,height,weight\n",
            "file: \"id,height,weight\" is neither a CSV header with id,height,weight,size nor a JSON object; \
          give CSV with commas in UTF-8, JSON Lines or a saved run",
        ),
        (
            b"\x7fELF\0\0\xff",
            "file: \"\\u{7f}ELF\\u{0}\\u{0}\u{fffd}\" is neither a CSV header with id,height,weight,size nor a JSON object; \
          give CSV with commas in UTF-8, JSON Lines or a saved run",
        ),
        (
            b"id,height,weight,size,ID\n",
            "file: the header names id twice; rename one of the columns",
        ),
        // JSON Lines.
        (
            br#"{"id":"a","height":178,"weight":60.5,"size":"XXL","more":[1]}"#,
            "a: 178 cm, 60.5 kg, XXL",
        ),
        (
            br#"{"id":"a","height":null,"weight":60.5,"size":"XXL"}"#,
            "file:1: height is missing",
        ),
        (
            br#"{"id":"a","height":-0.0,"weight":60.5,"size":"XXL"}"#,
            "file:1: height -0 is not within 50 to 272 cm",
        ),
        (
            b"{\"id\":\"a\"\n",
            "file:1: not a JSON object of the expected form: EOF while parsing an object at line 1 column 9",
        ),
        (
            br#"{"id":"a","height":1e999,"weight":60.5,"size":"M"}"#,
            "file:1: not a JSON object of the expected form: number out of range at line 1 column 24",
        ),
        (
            br#"{"id":1,"height":178,"weight":60.5,"size":"M"}"#,
            "file:1: not a JSON object of the expected form: invalid type: integer `1`, expected a string at line 1 column 7",
        ),
        (
            b"{\n \"id\": \"a\"\n}\n",
            "file: the file is one JSON document; save the run with --format jsonl, one line an endpoint",
        ),
        (
            b"[{\"id\":\"a\"}]",
            "file: the file is one JSON document; save the run with --format jsonl, one line an endpoint",
        ),
        (
            br#"{"labrpc_run":1,"endpoints":[]}"#,
            "file: the file is one JSON document; save the run with --format jsonl, one line an endpoint",
        ),
        // A saved run: other outcomes and other lines have no profile.
        (
            run.as_bytes(),
            "a: 178 cm, 60.5 kg, XXL\nc: 170 cm, 60 kg, M\nfile:5: id, height, weight and size are missing",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(shown(text), *expected, "{}", String::from_utf8_lossy(text));
    }
}

/// The header holds the command line, and an id may be any word.
#[test]
fn key_names_as_ids_or_arguments_do_not_change_the_format() {
    let profile = r#"{"id":"a","height":178,"weight":60.5,"size":"XXL"}"#;
    let run = format!(
        "{}\n{{\"line\":1,\"outcome\":\"ok\",\"profile\":{profile}}}\n",
        r#"{"labrpc_run":1,"arguments":["survey","--hosts","endpoints","-o","\"endpoints\":"]}"#
    );
    assert_eq!(shown(run.as_bytes()), "a: 178 cm, 60.5 kg, XXL");
    let people = profile.replace("\"a\"", "\"labrpc_run\"");
    assert_eq!(shown(people.as_bytes()), "labrpc_run: 178 cm, 60.5 kg, XXL");
    // As other programs space it.
    let document = br#"{"labrpc_run" : 1, "endpoints" : []}"#;
    assert!(shown(document).contains("is one JSON document"));
}

/// The header and the results may be long; only a long line of an endpoint is a rejected row.
#[test]
fn long_header_and_summary_lines_are_not_rejected_rows() {
    let long = "\"x\",".repeat(MAX_LINE) + "\"x\"";
    let header = format!(r#"{{"labrpc_run":1,"arguments":[{long}]}}"#);
    let endpoint =
        r#"{"line":1,"outcome":"ok","profile":{"id":"a","height":178,"weight":60.5,"size":"XXL"}}"#;
    let like = format!(r#"{{"like":{{"id":"a","nearest":[{long}]}}}}"#);
    let summary = format!(r#"{{"summary":{{"duplicate_ids":[{long}]}}}}"#);
    let run = [&*header, endpoint, &like, &summary].join("\n");
    assert_eq!(shown(run.as_bytes()), "a: 178 cm, 60.5 kg, XXL");
    let run = [&*header, &endpoint.replace("XXL", &"X".repeat(MAX_LINE))].join("\n");
    assert_eq!(
        shown(run.as_bytes()),
        "file:2: the line is longer than 65536 bytes"
    );
}

/// An open quote in every row would otherwise cost the reading of 64 KiB, for each of them.
#[test]
fn csv_record_has_at_most_100_line_ends() {
    let note = |lines: usize| {
        format!(
            "id,note,height,weight,size\na,\"{}\",178,60.5,XXL\n",
            "x\n".repeat(lines)
        )
    };
    assert_eq!(shown(note(100).as_bytes()), "a: 178 cm, 60.5 kg, XXL");
    let shown = shown(note(101).as_bytes());
    assert!(
        shown.starts_with("file:2: a cell's quotes are not closed"),
        "{shown}"
    );
}

#[test]
fn strict_stops_at_the_first_rejected_row() {
    let text = b"id,height,weight,size\na,178,60,S\nb,,60,S\nc,,60,S\n";
    let mut people = People::default();
    let error = people
        .read_from(&text[..], Path::new("file"), true, |_| ())
        .unwrap_err();
    assert_eq!(error.to_string(), "file:3: height is missing");
    assert_eq!(people.profiles.len(), 1);
}

#[test]
fn rejected_rows_are_all_counted_and_the_first_1000_kept() {
    let rows = MAX_REJECTED + 5;
    let text = format!("id,height,weight,size\n{}", "a,1,1,1\n".repeat(rows));
    let people = read_bytes(text.as_bytes()).unwrap();
    assert_eq!(people.rejections, rows as u64);
    assert_eq!(people.rejected.len(), MAX_REJECTED);
    assert_eq!(
        people.rejected[MAX_REJECTED - 1].line,
        MAX_REJECTED as u64 + 1
    );
}

/// Returns a few bytes at a time, and records the largest buffer.
struct Drip<R> {
    input: R,
    size: usize,
    most: usize,
}

impl<R: Read> Read for Drip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.most = self.most.max(buffer.len());
        let size = self.size.min(buffer.len());
        self.input.read(&mut buffer[..size])
    }
}

#[test]
fn chunk_size_of_the_input_does_not_change_the_result() {
    let text = b"\xef\xbb\xbfid,note,height,weight,size\r\n\"a\",\"x\r\n\"\"\",178,60,S\r\n\r\nb,,1,60,S\nc,\"o,1,1,1\nd,,170,60,M";
    let whole = shown(text);
    assert_eq!(whole.lines().count(), 4, "{whole}");
    for size in 1..text.len() {
        let input = Drip {
            input: &text[..],
            size,
            most: 0,
        };
        let people = read_bytes(input).unwrap();
        let profiles = people.profiles.iter().map(ToString::to_string);
        let rejected = people.rejected.iter().map(ToString::to_string);
        assert_eq!(
            profiles.chain(rejected).collect::<Vec<_>>().join("\n"),
            whole,
            "{size}"
        );
    }
}

#[test]
fn line_of_2_gib_is_read_in_bounded_memory() {
    let head = b"id,height,weight,size\na,178,60,S\n";
    let line = io::repeat(b'x').take(2 << 30);
    let tail = b"\nb,178,60,S\n";
    let mut input = Drip {
        input: head.chain(line).chain(&tail[..]),
        size: usize::MAX,
        most: 0,
    };
    let people = read_bytes(&mut input).unwrap();
    assert_eq!(people.profiles.len(), 2);
    assert_eq!(
        (people.rejected[0].line, &people.rejected[0].reason),
        (3, &Reason::TooLong(MAX_LINE))
    );
    assert!(
        input.most <= 4 * MAX_LINE,
        "asked for {} bytes at once",
        input.most
    );
}

#[test]
fn line_of_exactly_max_line_is_accepted_and_one_more_byte_rejected() {
    for (length, kept) in [(MAX_LINE - 1, 2), (MAX_LINE, 2), (MAX_LINE + 1, 1)] {
        let row = "a,178,60,S,";
        let text = format!(
            "id,height,weight,size,note\n{row}{}\nb,178,60,S,\n",
            "x".repeat(length - row.len())
        );
        for size in [1000, usize::MAX] {
            let people = read_bytes(Drip {
                input: text.as_bytes(),
                size,
                most: 0,
            })
            .unwrap();
            assert_eq!(
                (people.profiles.len(), people.rejections),
                (kept, 2 - kept as u64),
                "{length}"
            );
        }
    }
    // A header that is too long.
    let error = read_bytes(io::repeat(b'x').take(1 << 20)).unwrap_err();
    assert!(matches!(error, Error::Header { .. }), "{error}");
    // A document on one endless line is recognised by its beginning.
    let text = format!("{{\"labrpc_run\":1,\"endpoints\":[{}", " ".repeat(MAX_LINE));
    assert!(matches!(
        read_bytes(text.as_bytes()),
        Err(Error::Document(_))
    ));
}

#[test]
fn several_files_are_read_and_unreadable_ones_named_in_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let csv = file("a.csv", "id,height,weight,size\na,178,60,S\nb,,60,S\n");
    let json = file(
        "b.jsonl",
        r#"{"id":"c","height":178,"weight":60.5,"size":"XXL"}"#,
    );
    let mut bytes = 0;
    let people = read(&[csv.clone(), json.clone()], false, |more| bytes += more).unwrap();
    assert_eq!(people.profiles.len(), 2);
    assert_eq!(
        (&people.rejected[0].file, people.rejected[0].line),
        (&csv, 3)
    );
    assert_eq!(
        bytes,
        fs::metadata(&csv).unwrap().len() + fs::metadata(&json).unwrap().len()
    );
    for bad in [folder.path().join("absent"), folder.path().to_owned()] {
        let error = read(&[csv.clone(), bad.clone()], false, |_| ()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("cannot read {}: ", bad.display())),
            "{error}"
        );
    }
}

const HEADER: &str = r#"{"labrpc_run":1,"version":"0.1.0","metric":"gower"}"#;

/// A line of an endpoint that has answered.
fn answered(endpoint: &str) -> String {
    format!(
        r#"{{"line":1,"endpoint":"{endpoint}","outcome":"ok","dialect":"grpc","profile":{{"id":"a","height":178,"weight":60.5,"size":"XXL"}},"detail":null,"attempts":1,"elapsed_ms":1.5,"phases_ms":{{"dns":null,"connect":1,"tls":null,"call":1}}}}"#
    )
}

/// Asks again with so much memory, and returns the status and the last line of standard error.
fn only_failed(run: &Path, kilobytes: u32, arguments: &[&str]) -> (i32, String) {
    let script = format!("ulimit -v {kilobytes}; exec \"$0\" \"$@\"");
    let mut command = support::under(&["sh", "-c", &script], &support::labrpc());
    command.args(["survey", "--list", "--only-failed"]).arg(run);
    let output = support::output(command.args(arguments));
    let last = output.stderr.lines().last().unwrap_or_default();
    (output.status, last.to_owned())
}

#[test]
fn saved_run_with_lines_of_any_length_is_read_in_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = "1,".repeat(30_000_000) + "1";
    let tag = format!(r#"{{"twins":{{"ids":[{numbers}]}}}}"#);
    let array = format!("[{numbers}]");
    let endpoint = answered("a:1").replace("\"detail\":null", &format!("\"detail\":[{numbers}]"));
    let no_run = "the first line is not the header of a saved run; save one with --format jsonl";
    let too_long = "the line is longer than 65536 bytes";
    let cases = [
        (vec![numbers.as_str()], 2, format!(": {no_run}")),
        (vec![HEADER, &array], 2, format!(":2: {too_long}")),
        (vec![HEADER, &endpoint], 2, format!(":2: {too_long}")),
        // What follows from the endpoints is not read, however long it is.
        (vec![HEADER, &tag, HEADER], 0, String::new()),
    ];
    for (lines, status, error) in cases {
        let run = support::file(folder.path(), "run.jsonl", lines.join("\n"));
        let (found, said) = only_failed(&run, 300_000, &[]);
        let said = said.strip_prefix(&format!("error: {}", run.display()));
        let expected = (status, Some(&*error).filter(|error| !error.is_empty()));
        assert_eq!((found, said), expected);
    }
    let endless = only_failed(Path::new("/dev/zero"), 300_000, &[]);
    assert_eq!(endless, (2, format!("error: /dev/zero: {no_run}")));
}

#[test]
fn host_list_without_an_end_is_refused_in_bounded_memory() {
    let script = "ulimit -v 900000; exec \"$0\" \"$@\"";
    let mut command = support::under(&["sh", "-c", script], &support::labrpc());
    let output = support::output(command.args(["survey", "--hosts", "/dev/zero"]));
    assert_eq!(
        (output.status, &*output.stderr),
        (
            2,
            "error: /dev/zero: a host list of more than 256 MiB is not read\n"
        )
    );
}

#[test]
fn saved_run_has_at_most_max_hosts_endpoints() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a:1", "b:1"].map(answered);
    let run = [HEADER, &a, &b].join("\n");
    let run = support::file(folder.path(), "run.jsonl", run);
    let allowed = |max| only_failed(&run, 1_000_000, &["--max-hosts", max]);
    assert_eq!(allowed("2"), (0, String::new()));
    let refused = "more than 1 endpoints; raise --max-hosts if that is meant";
    let expected = format!("error: {}: {refused}", run.display());
    assert_eq!(allowed("1"), (2, expected));
}

#[test]
fn labels_of_a_saved_run_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let labelled = answered("a:1").replace("\"outcome\"", r#""labels":{"zone":"b"},"outcome""#);
    let without = answered("b:1").replace("\"outcome\"", r#""labels":null,"outcome""#);
    let run = [HEADER, &labelled, &without, &answered("dns+c:1")].join("\n");
    let run = support::file(folder.path(), "run.jsonl", run);
    let purpose = Purpose::Resume { max_hosts: 10 };
    let hosts = saved_runs::read(&[run], purpose).unwrap().saved.hosts;
    let labels: Vec<_> = (0..3).map(|index| hosts.labels(index)).collect();
    assert_eq!(labels[0].unwrap().get("zone"), Some("b"));
    assert_eq!(labels[1..], [None, None]);
    assert_eq!(hosts.get(2).to_string(), "dns+c:1");
}

/// `rank` and `--only-failed` take the same files, and refuse the same ones with the same words.
#[test]
fn saved_runs_are_read_alike_by_rank_and_only_failed() {
    let folder = tempfile::tempdir().unwrap();
    let both = |text: &str| {
        let run = support::file(folder.path(), "run.jsonl", text);
        let mut rank = support::labrpc();
        let rank = support::output(rank.args(["rank", "--strict"]).arg(&run));
        let said = rank.stderr.lines().next().unwrap_or_default();
        let only_failed = only_failed(&run, 1_000_000, &[]);
        assert_eq!((rank.status, said), (only_failed.0, &*only_failed.1));
        said.replace(&run.display().to_string(), "run")
    };
    let run = format!("{HEADER}\n{}\n", answered("a:1"));
    assert_eq!(both(&run), "");
    assert_eq!(both(&format!("\u{feff}\n\n{run}")), "");
    assert_eq!(both(&format!("\u{feff}{run}")), "");
    assert_eq!(both(&format!("{run}{run}")), "");
    let later = run.replace("\"labrpc_run\":1", "\"labrpc_run\" : 2");
    let version = "error: run: the saved run has version 2, and this labrpc reads version 1";
    assert_eq!(both(&later), version);
    assert_eq!(both(&format!("{run}{later}")), version);
    let document = "error: run: the file is one JSON document; save the run with --format jsonl, one line an endpoint";
    assert_eq!(both(&format!("{{\n{run}")), document);
    assert_eq!(both(&format!("[{run}]")), document);
    let damaged = run.replace("\"line\":1", "\"line\":one");
    let json =
        "error: run:2: not a JSON object of the expected form: expected value at line 1 column 9";
    assert_eq!(both(&damaged), json);
    let heavy = run.replace("60.5", "6050");
    assert!(both(&heavy).starts_with("error: run:2: weight 6050 is not within"));
}

proptest! {
    #[test]
    fn profiles_from_arbitrary_bytes_round_trip_and_errors_are_printable(
        start in prop::sample::select(vec!["", "id,height,weight,size\n", "{}\n"]),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        row in r#"[ab-]{0,3},[0-9.]{0,5},[0-9]{0,3},[XSML]{0,4}"#,
    ) {
        let printable = |text: String| !text.contains(char::is_control);
        // A valid row is rare among arbitrary bytes.
        match read_bytes([start.as_bytes(), row.as_bytes(), b"\n", &bytes].concat().as_slice()) {
            Ok(people) => {
                for profile in &people.profiles {
                    let json = serde_json::to_string(profile).unwrap();
                    prop_assert_eq!(&read_bytes(json.as_bytes()).unwrap().profiles[0], profile);
                }
                for rejected in &people.rejected {
                    let text = rejected.to_string();
                    prop_assert!(text.starts_with(&format!("file:{}: ", rejected.line)), "{}", text);
                    if let Reason::Field(errors) = &rejected.reason {
                        prop_assert!(errors.iter().all(|error| text.contains(error.field())), "{}", text);
                    }
                    prop_assert!(printable(text));
                }
            }
            Err(error) => {
                let text = error.to_string();
                prop_assert!(text.starts_with("file: "), "{}", text);
                prop_assert!(printable(text));
            }
        }
    }

    #[test]
    fn csv_height_is_parsed_like_height_from_str(text in r"[0-9+\-. eEinfNa]{1,9}|[0-9]{1,4}\.[0-9]{1,20}") {
        let people = read_bytes(format!("id,height,weight,size\na,{text},60,S\n").as_bytes()).unwrap();
        match FIELDS[0].parse(&text) {
            Ok(height) => prop_assert_eq!(people.profiles[0].build.values()[0], height),
            Err(error) => {
                // NaN is unequal to itself, so by their words.
                let Reason::Field(reason) = &people.rejected[0].reason else { panic!("{people:?}") };
                prop_assert_eq!(reason.to_string(), error.to_string());
            }
        }
    }

    #[test]
    fn profile_round_trips_through_csv_and_json(
        id in "[0-9A-Za-z_-]{1,32}", height in 500..=2720_u16, weight in 100..=6500_u16, size in 0..8_usize
    ) {
        let profile = support::person(&id, height, weight, size);
        let values = profile.build.values().map(|value| value.to_string()).join(",");
        let csv = format!("id,height,weight,size\n{id},{values}\n");
        prop_assert_eq!(&read_bytes(csv.as_bytes()).unwrap().profiles[0], &profile);
        let json = serde_json::to_string(&profile).unwrap();
        prop_assert_eq!(&read_bytes(json.as_bytes()).unwrap().profiles[0], &profile);
    }
}

/// Sixty thousand real rows, where `LABRPC_PEOPLE` names their file.
#[test]
fn real_data_set_is_grouped_like_sort_and_uniq_do() {
    let Some(path) = std::env::var_os("LABRPC_PEOPLE").map(PathBuf::from) else {
        return support::say_skipped("LABRPC_PEOPLE names no people.csv");
    };
    let people = read(std::slice::from_ref(&path), false, |_| ()).unwrap();
    let shell = |script: &str| {
        let output = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(&path)
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        assert!(output.status.success(), "{script}");
        String::from_utf8(output.stdout).unwrap()
    };
    // Rows without a height, by line.
    let missing: Vec<u64> = shell(r#"grep -n '^[^,]*,,' "$1" | cut -d: -f1"#)
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    assert!(!missing.is_empty());
    let rejected: Vec<u64> = people
        .rejected
        .iter()
        .map(|rejected| rejected.line)
        .collect();
    assert_eq!(rejected, missing);
    assert!(
        people
            .rejected
            .iter()
            .all(|rejected| rejected.to_string().ends_with(": height is missing"))
    );

    let options = Options {
        twins: true,
        ..Options::default()
    };
    let ranking = rank(&people.profiles, &options);
    // The file's heights are inches in centimetres: no two of them round to one tenth, so texts are as good as ticks.
    let mut expected: Vec<(u64, String)> = shell(
        r#"tail -n +2 "$1" | grep -v '^[^,]*,,' | cut -d, -f2- | sort | uniq -c | awk '$1 > 1 { print $1, $2 }'"#,
    )
    .lines()
    .map(|line| {
        let (count, values) = line.split_once(' ').unwrap();
        let row = format!("id,height,weight,size\nx,{values}\n");
        let profile = &read_bytes(row.as_bytes()).unwrap().profiles[0];
        (count.parse().unwrap(), profile.to_string())
    })
    .collect();
    let mut twins: Vec<(u64, String)> = ranking
        .twins
        .iter()
        .map(|twins| {
            let profile = &people.profiles[twins.people[0]];
            let mut people = twins.people.iter().map(|&person| &people.profiles[person]);
            assert!(people.all(|other| other.build == profile.build));
            (
                twins.count,
                Profile {
                    id: "x".parse().unwrap(),
                    ..profile.clone()
                }
                .to_string(),
            )
        })
        .collect();
    assert!(twins.is_sorted_by_key(|(count, _)| u64::MAX - count));
    assert!(twins[0].0 > 100, "{:?}", twins[0]);
    twins.sort();
    expected.sort();
    assert_eq!(twins, expected);
    let pairs: u64 = expected
        .iter()
        .map(|(count, _)| count * (count - 1) / 2)
        .sum();
    assert_eq!((ranking.smallest, ranking.tied), (Some(0.0), pairs));
}
