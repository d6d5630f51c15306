//! The profile: bounds, messages, exact ticks, JSON and protobuf.

use labrpc::{
    pb::GetProfileResponse,
    profile::{Error, FIELDS, Field, Id, Profile},
};
use proptest::prelude::*;

fn field(name: &str) -> &'static Field {
    FIELDS.iter().find(|field| field.name == name).unwrap()
}

/// The ticks of a number in JSON.
fn ticks(name: &str, number: f64) -> Option<u16> {
    let place = FIELDS.iter().position(|field| field.name == name).unwrap();
    let old = if name == "height" { 178 } else { 60 };
    let profile = GOOD.replace(
        &format!("\"{name}\":{old}"),
        &format!("\"{name}\":{number}"),
    );
    read(&profile)
        .ok()
        .map(|profile| profile.build.ticks()[place])
}

const GOOD: &str = r#"{"id":"1527406014","height":178,"weight":60,"size":"XXL"}"#;

fn read(json: &str) -> Result<Profile, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

fn response() -> GetProfileResponse {
    GetProfileResponse {
        id: "1001".into(),
        height_cm: Some(178.0),
        weight_kg: Some(60.0),
        size: 7,
    }
}

#[test]
fn profile_round_trips_through_json() {
    let profile = read(GOOD).unwrap();
    assert_eq!(serde_json::to_string(&profile).unwrap(), GOOD);
    assert_eq!(profile.to_string(), "1527406014: 178 cm, 60 kg, XXL");

    // Any order, more fields, small letters, decimals; what is printed is canonical.
    let loose = r#"{"size":"2xl","weight":60.25,"extra":[1],"height":177.95,"id":"a_B-9"}"#;
    let canonical = r#"{"id":"a_B-9","height":178,"weight":60.3,"size":"XXL"}"#;
    assert_eq!(
        serde_json::to_string(&read(loose).unwrap()).unwrap(),
        canonical
    );
}

#[test]
fn profile_round_trips_through_protobuf() {
    let profile = read(GOOD).unwrap();
    let sent = GetProfileResponse::from(&profile);
    assert_eq!(
        (sent.height_cm, sent.weight_kg, sent.size),
        (Some(178.0), Some(60.0), 7)
    );
    assert_eq!(Profile::try_from(sent), Ok(profile));
}

#[test]
fn size_has_one_canonical_name_and_the_number_in_protobuf() {
    for (step, name) in (1..).zip(["XXS", "XS", "S", "M", "L", "XL", "XXL", "XXXL"]) {
        let size = field("size").parse(&name.to_lowercase()).unwrap();
        assert_eq!((size.ticks(), size.to_string().as_str()), (step, name));
    }
    for (text, name) in [
        ("2xs", "XXS"),
        ("2XL", "XXL"),
        ("3xl", "XXXL"),
        (" m ", "M"),
    ] {
        assert_eq!(field("size").parse(text).unwrap().to_string(), name);
    }
}

#[test]
fn invalid_profile_error_names_field_value_and_range() {
    let range =
        |field: &str, value: &str, range: &str| format!("{field} {value} is not within {range}");
    let height = |value| range("height", value, "50 to 272 cm");
    let weight = |value| range("weight", value, "10 to 650 kg");
    let id = |id: &str| format!("id \"{id}\" is not 1 to 32 characters of 0-9 A-Z a-z _ -");
    let size = |size: &str| {
        format!("size \"{size}\" is none of XXS XS S M L XL XXL XXXL (or 2XS 2XL 3XL)")
    };
    type Change = fn(&mut GetProfileResponse);
    let wire: &[(Change, String)] = &[
        (|r| r.id = String::new(), "id is missing".into()),
        (
            |r| *r = GetProfileResponse::default(),
            "id, height, weight and size are missing".into(),
        ),
        (|r| r.id = "a".repeat(33), id(&"a".repeat(33))),
        (|r| r.id = "10 01".into(), id("10 01")),
        (|r| r.id = "张三".into(), id("张三")),
        (|r| r.id = "1001\n".into(), id(r"1001\u{a}")),
        (|r| r.id = "\x1b[31m1001".into(), id(r"\u{1b}[31m1001")),
        (|r| r.id = "=1+1".into(), id("=1+1")),
        (|r| r.height_cm = None, "height is missing".into()),
        (|r| r.weight_kg = None, "weight is missing".into()),
        (|r| r.size = 0, "size is missing".into()),
        (
            |r| r.size = 9,
            "size 9 is none of 1 (XXS) to 8 (XXXL)".into(),
        ),
        (
            |r| r.size = -1,
            "size -1 is none of 1 (XXS) to 8 (XXXL)".into(),
        ),
        (
            |r| r.size = i32::MIN,
            "size -2147483648 is none of 1 (XXS) to 8 (XXXL)".into(),
        ),
        (|r| r.height_cm = Some(f64::NAN), height("NaN")),
        (|r| r.height_cm = Some(f64::INFINITY), height("inf")),
        (|r| r.height_cm = Some(f64::NEG_INFINITY), height("-inf")),
        (|r| r.height_cm = Some(-178.0), height("-178")),
        (|r| r.height_cm = Some(0.0), height("0")),
        (|r| r.height_cm = Some(-0.0), height("-0")),
        (
            |r| r.height_cm = Some(1.78),
            height("1.78") + " (is that in metres? send centimetres)",
        ),
        (|r| r.height_cm = Some(49.94), height("49.94")),
        (
            |r| r.height_cm = Some(272.05),
            height("272.05") + " (is that in millimetres? send centimetres)",
        ),
        (
            |r| r.height_cm = Some(1780.0),
            height("1780") + " (is that in millimetres? send centimetres)",
        ),
        (|r| r.height_cm = Some(1e308), height("1e308")),
        (|r| r.weight_kg = Some(f64::NAN), weight("NaN")),
        (|r| r.weight_kg = Some(9.94), weight("9.94")),
        (
            |r| r.weight_kg = Some(1200.0),
            weight("1200") + " (is that in jin (斤)? send kilograms, half of it)",
        ),
        (
            |r| r.weight_kg = Some(60_000.0),
            weight("60000") + " (is that in grams? send kilograms)",
        ),
        (
            |r| r.weight_kg = Some(f64::MIN_POSITIVE),
            weight("2.2250738585072014e-308"),
        ),
    ];
    for (change, expected) in wire {
        let mut bad = response();
        change(&mut bad);
        let error = Profile::try_from(bad).unwrap_err();
        assert_eq!(error.to_string(), *expected);
    }

    let json: &[(&str, String)] = &[
        (
            r#"{"height":178,"weight":60,"size":"L"}"#,
            "id is missing".into(),
        ),
        (
            r#"{"id":"1","weight":60,"size":"L"}"#,
            "height is missing".into(),
        ),
        (r#"{"id":"1","height":178,"weight":60,"size":""}"#, size("")),
        (
            r#"{"id":"1","height":178,"weight":60,"size":"XXXXL"}"#,
            size("XXXXL"),
        ),
        (
            r#"{"id":"1","height":178,"weight":60,"size":7}"#,
            "invalid type: integer `7`, expected a string".into(),
        ),
        (
            r#"{"id":1001,"height":178,"weight":60,"size":"L"}"#,
            "invalid type: integer `1001`, expected a string".into(),
        ),
        (
            r#"{"id":"1","height":"178","weight":60,"size":"L"}"#,
            "invalid type: string \"178\", expected f64".into(),
        ),
        (
            r#"{"id":"1","height":null,"weight":60,"size":"L"}"#,
            "height is missing".into(),
        ),
        (
            r#"{"id":"1","height":1e999,"weight":60,"size":"L"}"#,
            "number out of range".into(),
        ),
        (
            r#"{"id":"1","height":0.178,"weight":60,"size":"L"}"#,
            height("0.178") + " (is that in metres? send centimetres)",
        ),
    ];
    for (text, expected) in json {
        let error = read(text).unwrap_err();
        assert!(error.starts_with(expected), "{text}: {error}");
    }

    let text: &[(Result<(), String>, &str)] = &[
        (
            typed("height", "tall"),
            "height \"tall\" is not a number of cm, such as 178 or 178.5, with a point",
        ),
        (
            typed("height", ""),
            "height \"\" is not a number of cm, such as 178 or 178.5, with a point",
        ),
        (
            typed("height", "178cm"),
            "height \"178cm\" is not a number of cm, such as 178 or 178.5, with a point",
        ),
        (
            typed("weight", "60,5"),
            "weight \"60,5\" is not a number of kg, such as 60 or 60.5, with a point",
        ),
        (
            typed("weight", "nan"),
            "weight NaN is not within 10 to 650 kg",
        ),
    ];
    for (result, expected) in text {
        assert_eq!(result.as_ref().unwrap_err(), expected);
    }
}

fn typed(name: &str, text: &str) -> Result<(), String> {
    let value = field(name).parse(text);
    value.map(drop).map_err(|error| error.to_string())
}

#[test]
fn height_bounds_are_inclusive_and_halves_round_away_from_zero() {
    let height = |value: f64| ticks("height", value);
    assert_eq!(height(50.0), Some(500));
    assert_eq!(height(49.95), Some(500));
    assert_eq!(height(49.9), None);
    assert_eq!(height(272.0), Some(2720));
    assert_eq!(height(272.1), None);
    // 0.25 and 0.75 are exact in binary: the half goes up, never to the even neighbour.
    assert_eq!(height(100.25), Some(1003));
    assert_eq!(height(100.75), Some(1008));
    assert_eq!(ticks("weight", 10.0), Some(100));
    assert_eq!(ticks("weight", 650.0), Some(6500));
}

proptest! {
    #[test]
    fn every_tick_round_trips_through_text_json_and_f64(height in 500_u16..=2720, weight in 100_u16..=6500) {
        for (name, expected) in [("height", height), ("weight", weight)] {
            let value = field(name).parse(&(f64::from(expected) / 10.0).to_string()).unwrap();
            prop_assert_eq!(value.ticks(), expected);
            prop_assert_eq!(field(name).parse(&value.to_string()), Ok(value));
            prop_assert_eq!(ticks(name, value.number()), Some(expected));
            prop_assert_eq!(serde_json::to_string(&value).unwrap(), value.to_string());
        }
    }

    /// Rounding agrees with decimal arithmetic on the digits that were written.
    #[test]
    fn rounding_agrees_with_decimal_arithmetic(hundredths in 4990_u32..27_210) {
        let written = format!("{}.{:02}", hundredths / 100, hundredths % 100);
        // A decimal half is not exact in binary, so it may go either way; everything else is decided.
        prop_assume!(hundredths % 10 != 5);
        let expected = (hundredths + 5) / 10;
        let read = field("height").parse(&written).ok().map(|height| u32::from(height.ticks()));
        prop_assert_eq!(read, (500..=2720).contains(&expected).then_some(expected), "{}", written);
    }

    #[test]
    fn id_accepts_exactly_its_grammar(text in "[0-9A-Za-z_ é-]{0,34}") {
        let good = (1..=32).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let read = text.parse::<Id>();
        prop_assert_eq!(read.is_ok(), good);
        if let Ok(id) = read {
            prop_assert_eq!(id.as_str(), &text);
        }
    }

    #[test]
    fn ids_are_ordered_like_their_text(a in "[0-9A-Za-z_-]{1,32}", b in "[0-9A-Za-z_-]{1,32}") {
        let (x, y): (Id, Id) = (a.parse().unwrap(), b.parse().unwrap());
        prop_assert_eq!(x.cmp(&y), a.cmp(&b));
    }

    #[test]
    fn arbitrary_response_is_a_profile_that_round_trips_or_an_error_that_names_every_bad_field(
        id in "[a-z]{1,4}|.{0,40}",
        height in prop_oneof![Just(None), (0.0..300.0).prop_map(Some), any::<f64>().prop_map(Some)],
        weight in prop_oneof![Just(None), (0.0..700.0).prop_map(Some), any::<f64>().prop_map(Some)],
        size in prop_oneof![0..10, any::<i32>()],
    ) {
        let response = GetProfileResponse { id: id.clone(), height_cm: height, weight_kg: weight, size };
        let valid = [
            ("id", id.parse::<Id>().is_ok()),
            ("height", height.is_some_and(|cm| (499.5..2720.5).contains(&(cm * 10.0)))),
            ("weight", weight.is_some_and(|kg| (99.5..6500.5).contains(&(kg * 10.0)))),
            ("size", (1..=8).contains(&size)),
        ];
        let bad: Vec<_> = valid.into_iter().filter(|(_, valid)| !valid).map(|(field, _)| field).collect();
        match Profile::try_from(response) {
            Ok(profile) => {
                prop_assert_eq!(&bad, &Vec::<&str>::new());
                let sent = GetProfileResponse::from(&profile);
                prop_assert_eq!(Profile::try_from(sent), Ok(profile));
            }
            Err(errors) => {
                let named: Vec<_> = errors.iter().map(Error::field).collect();
                let text = errors.to_string();
                prop_assert!(named.iter().all(|field| text.contains(field)), "{}", text);
                prop_assert_eq!(named, bad);
                prop_assert!(!text.contains(char::is_control), "{}", text);
            }
        }
    }
}
