//! How far apart two items are: the metrics, and lower bounds for boxes, by which a tree can prune.
//!
//! Coordinates are whole ticks (such as tenths of a centimetre) and are never scaled: scale and weights belong to the
//! metric. Scaled coordinates would be rounded, one centimetre would become several different floats, and pairs that
//! tie would no longer compare equal.

mod covariance;
mod distance;
mod euclidean;
mod gower;
mod mahalanobis;
mod mean;

use std::{fmt, str::FromStr};

pub(crate) use crate::similarity::metric::mean::has;
pub use crate::similarity::metric::{
    distance::{Coordinate, Distance},
    euclidean::Euclidean,
    gower::{Gower, MAX_TERM},
    mahalanobis::Mahalanobis,
    mean::{Means, WeightedMean},
};
use crate::{named::named, untrusted::Untrusted};

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
