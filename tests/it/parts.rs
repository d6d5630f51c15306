//! Parts of a larger survey: which endpoints a shard has, and what a part leaves to the merge.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    num::NonZeroU32,
    process::{Command, Stdio},
};

use labrpc::survey::{
    endpoint::Endpoint,
    hosts::{Builder, Hosts, Part, Shard},
};
use proptest::prelude::*;
use serde_json::Value;

use crate::{
    commands::raw,
    support::{self, Output, Running, file, labrpc, network, output, run},
};

fn count(shards: u32) -> NonZeroU32 {
    NonZeroU32::new(shards).unwrap()
}

fn shard(list: &str, excluded: &str, index: u32, shards: u32) -> Hosts {
    let shard = Shard::new(index, count(shards)).unwrap();
    let mut builder = Builder::default().part(Part::new(Some(shard)));
    builder.argument(list);
    builder.exclude(excluded);
    builder.build().unwrap()
}

fn whole(list: &str, excluded: &str) -> Hosts {
    let mut builder = Builder::default();
    builder.argument(list);
    builder.exclude(excluded);
    builder.build().unwrap()
}

/// The endpoints by their places in the whole list.
fn lines(hosts: &Hosts) -> BTreeMap<usize, Endpoint> {
    let lines = (0..hosts.len()).map(|index| (hosts.line(index), hosts.get(index)));
    lines.collect()
}

/// Lists with every kind of expression, in which some endpoints stand twice.
pub(crate) fn list() -> impl Strategy<Value = String> {
    let expression = prop_oneof![
        "(raw://)?10\\.0\\.[0-2]\\.[1-9](:[1-9]{1,2})?",
        "10\\.0\\.[0-1]\\.1-[2-9]",
        "10\\.0\\.[0-1]\\.\\[1,3-[4-9]\\]",
        "10\\.0\\.[0-3]\\.0/2[6-9]",
        "(raw://)?(dns\\+)?lab\\[0[1-4]-[5-9]\\]",
        "lab0[1-9](\\.example)?(:80)?",
        "svc@10\\.0\\.0\\.[1-9]",
        "(\\[::[1-9]\\]|::[1-9])",
        "unix:/run/[ab][1-3]",
    ];
    prop::collection::vec(expression, 1..40).prop_map(|list| list.join(","))
}

proptest! {
    #[test]
    fn shards_are_disjoint_complete_and_keep_the_places_of_the_list(
        list in list(),
        excluded in prop_oneof![Just(""), Just("10.0.0.4"), Just("10.0.1.0/28"), Just("lab[01-03],10.0.2.1")],
        shards in 1..=50_u32,
    ) {
        let all = whole(&list, excluded);
        let parts: Vec<Hosts> = (0..shards).map(|k| shard(&list, excluded, k, shards)).collect();
        let mut joined = BTreeMap::new();
        for (index, hosts) in (0..).zip(&parts) {
            for (line, endpoint) in lines(hosts) {
                prop_assert_eq!(Shard::of(&endpoint, count(shards)).index(), index);
                prop_assert!(joined.insert(line, endpoint).is_none());
            }
            // A duplicate is in the shard of its first listing, and is known there.
            for index in 0..hosts.len() {
                let first = hosts.duplicate_of(index).map(|first| hosts.line(first));
                let expected = all.duplicate_of(hosts.line(index) - 1).map(|first| first + 1);
                prop_assert_eq!(first, expected);
            }
            let part = hosts.part().unwrap();
            prop_assert_eq!(part.listed, all.len() as u64);
            prop_assert_eq!(part.list, parts[0].part().unwrap().list);
        }
        prop_assert_eq!(joined, lines(&all));
    }

    /// An endpoint stays in its shard whatever is listed beside it, and the lists are told apart.
    #[test]
    fn shard_of_an_endpoint_does_not_depend_on_the_list(
        list in list(), more in list(), shards in 1..=50_u32,
    ) {
        let longer = format!("{more},{list}");
        for index in 0..shards {
            let [short, long] = [&list, &longer].map(|list| shard(list, "", index, shards));
            let [few, many] = [&short, &long].map(|hosts| lines(hosts).into_values().collect::<Vec<_>>());
            prop_assert!(few.iter().all(|endpoint| many.contains(endpoint)));
            prop_assert_ne!(short.part().unwrap().list, long.part().unwrap().list);
        }
    }
}

#[test]
fn shards_of_a_network_are_balanced_for_every_number_of_shards() {
    let endpoints: Vec<Endpoint> = whole("10.7.0.0/16", "").iter().collect();
    for shards in 1..=50 {
        let mut sizes = vec![0_u32; shards as usize];
        for endpoint in &endpoints {
            sizes[Shard::of(endpoint, count(shards)).index() as usize] += 1;
        }
        // Six standard deviations.
        let mean = f64::from(1 << 16) / f64::from(shards);
        let near = |size: u32| (f64::from(size) - mean).abs() <= 6.0 * mean.sqrt();
        assert!(sizes.iter().all(|size| near(*size)), "{shards}: {sizes:?}");
    }
}

/// The rule can be computed by anyone: here by the shell.
#[test]
fn shard_is_the_first_eight_bytes_of_sha256_modulo_the_number_of_shards() {
    let Some(sha256sum) = support::tool("sha256sum") else {
        return;
    };
    let pinned = [
        ("192.168.1.7", "192.168.1.7:1024", 8),
        ("LAB01.example:80", "lab01.example:80", 8),
        ("::1", "[::1]:1024", 50),
        ("raw://10.0.0.1", "raw://10.0.0.1:1024", 3),
        ("unix:/run/lab.sock", "unix:/run/lab.sock", 7),
        ("dns+svc", "dns+svc:1024", 1000),
    ];
    for (typed, canonical, shards) in pinned {
        let mut summed = Command::new(&sha256sum);
        let summed = summed.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut summed = summed.spawn().unwrap();
        summed
            .stdin
            .take()
            .unwrap()
            .write_all(canonical.as_bytes())
            .unwrap();
        let text = summed.wait_with_output().unwrap().stdout;
        let first = u64::from_str_radix(str::from_utf8(&text[..16]).unwrap(), 16).unwrap();
        let index = (first % u64::from(shards)) as u32;
        assert_eq!(lines(&shard(typed, "", index, shards)).len(), 1, "{typed}");
    }
    // Written out, so that a change of the rule is noticed where there is no sha256sum.
    assert_eq!(
        Shard::of(&"192.168.1.7".parse().unwrap(), count(8)).index(),
        6
    );
}

#[test]
fn list_of_a_shard_has_its_own_endpoints_only() {
    let list = |arguments: &[&str]| {
        let listed = run([&["survey", "--list", "10.1.0.0/24"], arguments].concat());
        assert_eq!(listed.status, 0, "{listed:?}");
        let endpoints = listed.stdout.lines().map(str::to_owned);
        endpoints.collect::<BTreeSet<_>>()
    };
    let shards = ["0", "1", "2"].map(|k| list(&["--shard", k, "--shards", "3"]));
    assert!(shards.iter().all(|shard| (50..120).contains(&shard.len())));
    let all: BTreeSet<_> = shards.into_iter().flatten().collect();
    assert_eq!(all, list(&[]));
    // The limit is one for each shard.
    let limited = |max| {
        let flags = ["--max-hosts", max, "--shard", "0", "--shards", "4"];
        run([&["survey", "--list", "10.0.0.0/24"][..], &flags].concat()).status
    };
    assert_eq!((limited("64"), limited("63")), (0, 2));
}

#[test]
fn shard_that_does_not_exist_or_has_no_meaning_is_refused() {
    let cases: [(&[&str], &str); 7] = [
        (
            &["a", "--shard", "8", "--shards", "8"],
            "there is no shard 8 of 8: they are counted from 0 to 7",
        ),
        (
            &["a", "--shard", "0", "--shards", "0"],
            "a whole number from 1",
        ),
        (&["a", "--shard", "0"], "--shards"),
        (&["a", "--shards", "8"], "--shard"),
        (
            &["--demo", "--shard", "0", "--shards", "8"],
            "cannot be used with",
        ),
        (&["--only-failed", "x", "--part"], "cannot be used with"),
        (&["a", "--part", "--watch", "1s"], "cannot be used with"),
    ];
    for (arguments, reason) in cases {
        let refused = run([&["survey"], arguments].concat());
        assert_eq!(refused.status, 2, "{refused:?}");
        assert!(refused.stderr.contains(reason), "{refused:?}");
    }
    let mut typed = labrpc();
    typed.env("LABRPC_SHARD", "1").env("LABRPC_SHARDS", "2");
    let listed = output(typed.args(["survey", "--list", "10.0.0.0/28"]));
    assert_eq!(listed.status, 0, "{listed:?}");
    assert!((1..16).contains(&listed.stdout.lines().count()));
}

fn jsonl(output: &Output) -> Vec<Value> {
    let lines = output.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn part_leaves_ranking_and_duplicate_ids_to_the_merge() {
    let seat = |id: &str| {
        let rest = "--listen 127.0.0.1:0 --height 178 --weight 60 --size M";
        Running::serve(["--id", id].into_iter().chain(rest.split(' ')))
    };
    let seats = ["a", "a", "b"].map(seat);
    let endpoints = seats.each_ref().map(Running::address);
    let part = run([&["survey", "--part", "--format", "jsonl"], &endpoints[..]].concat());
    assert_eq!(part.status, 0, "{part:?}");
    let lines = jsonl(&part);
    assert_eq!(lines[0]["part"]["shard"], Value::Null);
    assert_eq!(lines[0]["part"]["listed"], 3);
    let outcomes: Vec<_> = lines
        .iter()
        .filter_map(|line| line.get("outcome"))
        .collect();
    assert_eq!(outcomes, ["ok"; 3]);
    assert!(lines.iter().all(|line| line.get("distance").is_none()));
    let summary = &lines.last().unwrap()["summary"];
    assert_eq!(summary["ok"], 3);
    assert_eq!(
        (&summary["tied"], &summary["smallest"]),
        (&0.into(), &Value::Null)
    );
    assert_eq!(summary["duplicate_ids"], serde_json::json!([]));
    let table = run([&["survey", "--part"], &endpoints[..]].concat());
    assert!(
        table.stdout.contains("a part of a larger survey"),
        "{table:?}"
    );
}

#[test]
fn exit_status_of_a_part_is_0_unless_min_ok_is_given() {
    let seat = Running::serve(["--listen", "127.0.0.1:0"]);
    let folder = tempfile::tempdir().unwrap();
    let dead = format!("{}1", network());
    let heavy = raw(r#"{"id":"1","height":178,"weight":1200,"size":"M"}"#);
    let empty = file(folder.path(), "empty.txt", "# nothing\n");
    let empty = empty.to_str().unwrap();
    let bad = file(folder.path(), "bad.txt", "10.0.0.300\n");
    let bad = bad.to_str().unwrap();
    let alive = seat.address();
    let cases: [(&[&str], i32); 13] = [
        (&["--part", alive, &dead], 0),
        (&["--part", &dead], 0),
        (&["--part", &heavy], 0),
        (&["--part", &dead, "--min-ok", "1"], 4),
        (&["--part", alive, &dead, "--min-ok", "100%"], 3),
        (&["--part", &heavy, "--min-ok", "100%"], 0),
        (&["--part", "--hosts", empty], 0),
        (&["--shard", "0", "--shards", "2", "--hosts", empty], 0),
        (&["--part", "--hosts", bad], 2),
        (&["--part"], 2),
        // A whole survey with --min-ok 0.
        (&[&dead, "--min-ok", "0"], 0),
        (&[&heavy, "--min-ok", "0%"], 0),
        (&[&heavy], 5),
    ];
    for (arguments, status) in cases {
        let survey = run([&["survey", "--format", "jsonl"], arguments].concat());
        assert_eq!(survey.status, status, "{arguments:?} {survey:?}");
    }
    let survey = run(["survey", "--part", "--hosts", empty, "--format", "jsonl"]);
    let lines = jsonl(&survey);
    assert_eq!(lines.len(), 2, "{survey:?}");
    assert_eq!(lines[0]["part"]["listed"], 0);
    assert_eq!(lines[1]["summary"]["asked"], 0);
}
