//! How far apart two people are: the metrics, and lower bounds for boxes, by which a tree can prune.
//!
//! Coordinates are whole ticks (tenths of a centimetre, tenths of a kilogram, size steps) and are never scaled:
//! scale and weights belong to the metric. Scaled coordinates would be rounded, one centimetre would become several
//! different floats, and pairs that tie would no longer compare equal.

mod covariance;
mod distance;
mod euclidean;
mod gower;
mod mahalanobis;

use std::{fmt, str::FromStr};

pub use crate::similarity::metric::{
    distance::{Distance, Point, point},
    euclidean::Euclidean,
    gower::{Gower, MAX_TERM},
    mahalanobis::Mahalanobis,
};
use crate::{named::named, profile::Profile, untrusted::Untrusted};

named! {
    /// Which distance two people are compared by.
    #[derive(Default)]
    pub enum Metric {
        /// The body distance: Gower's coefficient with fixed ranges, exact in integers.
        ///
        /// 7 a centimetre, 5 a kilogram and 60 a size step, each term at most 420. The distance between two people
        /// does not depend on others.
        #[default]
        Gower => "gower",
        /// Euclidean distance after dividing each field by its standard deviation (z-scores).
        ///
        /// The deviations are those of the people ranked: one typing error, or a few absent machines, changes all
        /// distances.
        Euclidean => "euclidean",
        /// Mahalanobis distance: Euclidean after removing the correlation of the fields as well.
        ///
        /// As with [`Metric::Euclidean`], each distance depends on all people.
        Mahalanobis => "mahalanobis",
    }
}

impl Metric {
    /// The formula of the body distance, with weights of 1 and below the caps; `None` for the other metrics, which
    /// have no formula of two people alone.
    #[must_use]
    pub fn formula(self) -> Option<String> {
        (self == Self::Gower).then(Gower::formula)
    }

    /// [`Self::formula`] with the values of two people, to be checked by hand; `None` where a term is capped.
    #[must_use]
    pub fn explain(self, a: &Profile, b: &Profile) -> Option<String> {
        (self == Self::Gower).then(|| Gower::explain(a, b))?
    }
}

impl FromStr for Metric {
    type Err = UnknownMetric;

    /// # Errors
    /// [`UnknownMetric`] if the text is not the name of a metric, in upper or lower case.
    fn from_str(text: &str) -> Result<Self, UnknownMetric> {
        Self::ALL
            .into_iter()
            .find(|metric| metric.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownMetric(Untrusted::new(text)))
    }
}

/// A text that is not the name of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownMetric(pub Untrusted);

impl fmt::Display for UnknownMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = Metric::ALL;
        write!(f, "metric \"{}\" is none of {a}, {b}, {c}", self.0)
    }
}

impl std::error::Error for UnknownMetric {}

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
}
