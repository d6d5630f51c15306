//! Ranks a few people and prints the closest pairs: `cargo run --example rank`.

use labrpc::{
    profile::Profile,
    similarity::{Options, rank},
};

const PEOPLE: &str = r#"[
    {"id": "1001", "height": 178, "weight": 60, "size": "L"},
    {"id": "1002", "height": 165, "weight": 52.5, "size": "S"},
    {"id": "1003", "height": 171.5, "weight": 68, "size": "M"},
    {"id": "1007", "height": 177, "weight": 61.1, "size": "L"}
]"#;

fn main() -> Result<(), serde_json::Error> {
    let people: Vec<Profile> = serde_json::from_str(PEOPLE)?;
    let options = Options {
        top: 3,
        ..Options::default()
    };
    for pair in rank(&people, &options).pairs {
        let (a, b) = (people[pair.a].id, people[pair.b].id);
        println!(
            "{}. {a} and {b}: distance {}, similarity {:.3}",
            pair.rank, pair.distance, pair.similarity
        );
    }
    Ok(())
}
