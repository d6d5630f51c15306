//! The body distance of profiles: the fields that are its axes, and its formula.

use std::array;

use crate::{
    profile::{FIELD_COUNT, FIELDS, Field, Profile},
    similarity::metric::{Distance as _, Gower, MAX_TERM, Metric},
};

/// How many fields the body distance has.
pub(crate) const AXES: usize = FIELD_COUNT;

/// The point of a person, in ticks.
#[must_use]
#[inline]
pub fn point(person: &Profile) -> [i32; AXES] {
    person.build.ticks().map(i32::from)
}

/// The differences in ticks at which terms reach [`MAX_TERM`].
#[must_use]
pub fn ranges() -> [u32; AXES] {
    FIELDS.each_ref().map(|field| field.reference.into())
}

/// What one unit adds to the body distance: 7 a centimetre, 5 a kilogram, 60 a size step.
fn factor(field: &Field) -> u32 {
    MAX_TERM * u32::from(field.per_unit) / u32::from(field.reference)
}

impl Metric {
    /// The formula of the body distance, with weights of 1 and below the caps; `None` for the other metrics, which
    /// have no formula of two people alone.
    #[must_use]
    pub fn formula(self) -> Option<String> {
        let term = |field: &Field| {
            let (name, unit) = (field.name, field.unit.unwrap_or("steps"));
            format!("{} × |{name} difference in {unit}|", factor(field))
        };
        (self == Self::Gower).then(|| FIELDS.each_ref().map(term).join(" + "))
    }

    /// [`Self::formula`] with the values of two people, to be checked by hand; `None` where a term is capped.
    #[must_use]
    pub fn explain(self, a: &Profile, b: &Profile) -> Option<String> {
        let (p, q) = (point(a), point(b));
        let delta: [i32; AXES] = array::from_fn(|axis| q[axis] - p[axis]);
        let gaps = delta.map(i32::unsigned_abs);
        let capped = gaps.iter().zip(ranges()).any(|(gap, range)| *gap > range);
        (self == Self::Gower && !capped).then(|| {
            let metric = Gower::new(ranges(), [1000; AXES]);
            let distance = metric.distance(metric.key(delta));
            let terms = FIELDS.iter().zip(gaps).map(|(field, gap)| {
                format!(
                    "{} × {}",
                    factor(field),
                    f64::from(gap) / f64::from(field.per_unit)
                )
            });
            format!("{} = {distance}", terms.collect::<Vec<_>>().join(" + "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(text: &str) -> Profile {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn body_distance_is_explained_as_a_sum_below_its_caps() {
        let a = person(r#"{"id":"1","height":178,"weight":60,"size":"XXL"}"#);
        let b = person(r#"{"id":"2","height":176.9,"weight":62.5,"size":"L"}"#);
        let far = person(r#"{"id":"3","height":238.1,"weight":60,"size":"XXL"}"#);
        assert_eq!(
            Metric::Gower.formula().unwrap(),
            "7 × |height difference in cm| + 5 × |weight difference in kg| + 60 × |size difference in steps|"
        );
        // By hand: 7.7 + 12.5 + 120.
        let sum = Some("7 × 1.1 + 5 × 2.5 + 60 × 2 = 140.2".to_owned());
        assert_eq!(Metric::Gower.explain(&a, &b), sum);
        assert_eq!(Metric::Gower.explain(&b, &a), sum);
        // 60.1 cm are above the range of 60.
        assert_eq!(Metric::Gower.explain(&a, &far), None);
        assert_eq!(Metric::Euclidean.explain(&a, &b), None);
    }

    /// Otherwise the body distance would not be a whole number of its smallest parts.
    #[test]
    fn every_range_divides_a_full_term() {
        for field in &FIELDS {
            assert_eq!(MAX_TERM * 10 % u32::from(field.reference), 0, "{field:?}");
        }
    }
}
