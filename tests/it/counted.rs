//! Counted rows: a row of CSV that stands for a number of people with one build.

use std::{collections::BTreeMap, num::NonZeroUsize, path::Path};

use labrpc::{
    profile::{Build, Id, Profile},
    report::read::People,
    similarity::{Metric, Options, Ranking, rank, rank_counted},
};

use crate::support::{self, labrpc, output, person};

/// People of whom most share a build, and some have one of their own.
fn people(count: u32) -> Vec<Profile> {
    let mut random = fastrand::Rng::with_seed(10);
    let mut ids: Vec<u32> = (0..count).collect();
    random.shuffle(&mut ids);
    let mut spread = |most: u16| (0..4).map(|_| random.u16(..most / 4)).sum::<u16>();
    let person = |id| {
        let (height, weight) = (1500 + spread(400), 450 + spread(500) / 5 * 5);
        person(&format!("p{id}"), height, weight, usize::from(spread(8)))
    };
    ids.into_iter().map(person).collect()
}

/// The people of each build in the order of their ids.
fn builds(people: &[Profile]) -> BTreeMap<Build, Vec<Id>> {
    let mut builds: BTreeMap<_, Vec<Id>> = BTreeMap::new();
    for person in people {
        builds.entry(person.build).or_default().push(person.id);
    }
    builds.values_mut().for_each(|ids| ids.sort_unstable());
    builds
}

/// The rows of these builds, with the first `named` ids of each.
fn rows(builds: &BTreeMap<Build, Vec<Id>>, named: usize) -> String {
    let mut rows = "ids,size,weight,height,count\n".to_owned();
    for (build, ids) in builds {
        let [height, weight, size] = build.values();
        let listed: Vec<&str> = ids.iter().take(named).map(Id::as_str).collect();
        let (ids, count) = (listed.join(" "), ids.len());
        rows += &format!("{ids},{size},{weight},{height},{count}\n");
    }
    rows
}

fn read(rows: &str) -> People {
    let mut people = People::default();
    let file = Path::new("builds.csv");
    people
        .read_from(rows.as_bytes(), file, true, |_| ())
        .unwrap();
    people
}

/// The nearest of each by id, and the distance.
fn nearest(people: &[Profile], ranking: &Ranking) -> BTreeMap<Id, (Id, f64)> {
    let nearest = ranking.per_person.iter().flatten();
    let id = |person: usize| people[person].id;
    nearest
        .map(|nearest| (id(nearest.person), (id(nearest.nearest), nearest.distance)))
        .collect()
}

#[test]
fn counted_rows_rank_as_the_people_themselves() {
    let people = people(100_000);
    let builds = builds(&people);
    let by_id: BTreeMap<Id, Build> = people.iter().map(|p| (p.id, p.build)).collect();
    assert!((1000..50_000).contains(&builds.len()), "{}", builds.len());
    for (named, weights) in [(2, ""), (20, "height=2,size=0")] {
        let counted = read(&rows(&builds, named));
        for metric in Metric::ALL {
            let options = Options {
                metric,
                weights: weights.parse().unwrap(),
                top: 1,
                per_person: true,
                threads: NonZeroUsize::new(2).unwrap(),
                ..Options::default()
            };
            let all = rank(&people, &options);
            let grouped = rank_counted(&counted.profiles, &counted.counts, &options);
            let facts = |ranking: &Ranking| {
                let largest = ranking.twins.iter().map(|twins| twins.count);
                let Ranking {
                    smallest,
                    tied,
                    margin,
                    twin_groups,
                    ..
                } = *ranking;
                (
                    smallest,
                    tied,
                    margin,
                    twin_groups,
                    largest.collect::<Vec<_>>(),
                )
            };
            assert_eq!(facts(&grouped), facts(&all), "{metric} {weights}");

            // Who is not named has the nearest of the last of the build that is.
            let named_nearest = nearest(&counted.profiles, &grouped);
            for (id, expected) in nearest(&people, &all) {
                let found = named_nearest.get(&id);
                let found = found.or_else(|| {
                    let ids = &builds[&by_id[&id]];
                    named_nearest.get(&ids[named.min(ids.len()) - 1])
                });
                assert_eq!(found, Some(&expected), "{metric} {weights} {id}");
            }
        }
    }
}

#[test]
fn counted_rows_that_contradict_themselves_are_rejected() {
    let rows = [
        ("3,170.5,60.0,M,a b", None),
        ("1,170.5,60.0,M,c", None),
        ("\"2\",170.5,60.0,M,'-d e", None),
        ("1,170.5,60.0,M,f g", Some("2 ids for a count of 1")),
        ("2,170.5,60.0,M,h", Some("1 ids for a count of 2")),
        ("2,170.5,60.0,M,", Some("id")),
        ("2,170.5,60.0,M,i  j", Some("id")),
        ("2,170.5,60.0,M,l k", Some("the order of their bytes")),
        ("2,170.5,60.0,M,m m", Some("the order of their bytes")),
        ("2,9,60.0,M,n o", Some("height")),
        (
            "0,170.5,60.0,M,p",
            Some("count \"0\" is not a whole number"),
        ),
        ("-1,170.5,60.0,M,q", Some("count \"-1\"")),
        ("1.5,170.5,60.0,M,r s", Some("count \"1.5\"")),
        (",170.5,60.0,M,t", Some("count \"\"")),
        ("4294967296,170.5,60.0,M,u v", Some("count \"4294967296\"")),
        (
            "4294967295,170.5,60.0,M,w x",
            Some("more than 4294967295 people"),
        ),
    ];
    let text = rows.iter().map(|(row, _)| format!("{row}\n"));
    let text = format!("count,height,weight,size,ids\n{}", text.collect::<String>());
    let mut people = People::default();
    let file = Path::new("builds.csv");
    people
        .read_from(text.as_bytes(), file, false, |_| ())
        .unwrap();
    assert_eq!(people.counts, [1, 2, 1, 1, 1]);
    let expected = rows
        .iter()
        .zip(2..)
        .filter_map(|((_, reason), line)| Some((line, (*reason)?)));
    let expected: Vec<(u64, &str)> = expected.collect();
    assert_eq!(
        people.rejections,
        expected.len() as u64,
        "{:#?}",
        people.rejected
    );
    for (rejected, (line, reason)) in people.rejected.iter().zip(expected) {
        assert_eq!(rejected.line, line, "{rejected}");
        assert!(
            rejected.to_string().contains(reason),
            "{rejected}: {reason}"
        );
    }
}

#[test]
fn count_needs_ids_and_excludes_id() {
    let folder = tempfile::tempdir().unwrap();
    for (header, hint) in [
        (
            "count,id,height,weight,size",
            "has both count and id; name the column of ids",
        ),
        (
            "count,id,height,weight,size,ids",
            "has both count and id; name the column of ids",
        ),
        (
            "count,height,weight,size",
            "has count and no ids; add a column",
        ),
        ("count,height,weight,ids", "neither a CSV header with"),
        ("height,weight,size,ids", "neither a CSV header with"),
    ] {
        let file = support::file(folder.path(), "builds.csv", format!("{header}\n"));
        let ran = output(labrpc().arg("rank").arg(file));
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.stderr.contains(hint), "{header}: {}", ran.stderr);
    }
}

#[test]
fn twins_as_csv_are_read_as_counted_rows() {
    let folder = tempfile::tempdir().unwrap();
    let rows = (0..90).map(|n| format!("-{n:02},{},60,M\n", 150 + n % 3));
    let people = format!("id,height,weight,size\n{}", rows.collect::<String>());
    support::file(folder.path(), "people.csv", people);
    let rank = |arguments: &[&str]| {
        let ran = output(
            labrpc()
                .arg("rank")
                .args(arguments)
                .current_dir(folder.path()),
        );
        assert_eq!(ran.status, 0, "{arguments:?}: {ran:?}");
        ran.stdout
    };
    rank(&["people.csv", "--twins", "-o", "twins.csv"]);
    let counts = |file| rank(&[file, "--top", "0"]);
    assert_eq!(counts("twins.csv"), counts("people.csv"));
    // The first twenty ids of each build are listed, so the first pairs are the same.
    let pairs = |file| rank(&[file, "--top", "5", "--format", "csv"]);
    assert_eq!(
        pairs("twins.csv").lines().nth(1),
        pairs("people.csv").lines().nth(1)
    );
    // Rows of both kinds add up.
    support::file(
        folder.path(),
        "one.csv",
        "id,height,weight,size\nz,190,90,XL\n",
    );
    let both = rank(&["twins.csv", "one.csv", "--top", "0"]);
    assert!(both.starts_with("91 people"), "{both}");
}
