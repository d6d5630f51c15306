//! The sample covariance of the fields.

use crate::similarity::metric::distance::Point;

/// The sample covariance, 0 for fewer than two people.
///
/// The sums are exact integers, so that the result does not depend on the order of the people.
pub(crate) fn covariance(people: impl Iterator<Item = Point>) -> [[f64; 3]; 3] {
    let mut count: i128 = 0;
    let mut sums = [0_i128; 3];
    let mut products = [[0_i128; 3]; 3];
    for point in people {
        let point = point.map(i128::from);
        count += 1;
        for i in 0..3 {
            sums[i] += point[i];
            for j in 0..=i {
                products[i][j] += point[i] * point[j];
            }
        }
    }
    let mut covariance = [[0.0; 3]; 3];
    for i in 0..3 {
        for j in 0..=i {
            let numerator = count * products[i][j] - sums[i] * sums[j];
            let value = numerator as f64 / (count * (count - 1).max(1)).max(1) as f64;
            covariance[i][j] = value;
            covariance[j][i] = value;
        }
    }
    covariance
}
