//! The sample covariance of the fields.

/// The sample covariance of points, each of which stands for a number of people; 0 for fewer than two people.
///
/// The sums are exact integers, so that the result does not depend on the order of the people, nor on how many of
/// them one point stands for.
pub(crate) fn covariance<const N: usize>(
    people: impl Iterator<Item = ([i32; N], u64)>,
) -> [[f64; N]; N] {
    let mut count: i128 = 0;
    let mut sums = [0_i128; N];
    let mut products = [[0_i128; N]; N];
    for (point, people) in people {
        let people = i128::from(people);
        let point = point.map(i128::from);
        count += people;
        for i in 0..N {
            sums[i] += people * point[i];
            for j in 0..=i {
                products[i][j] += people * point[i] * point[j];
            }
        }
    }
    let mut covariance = [[0.0; N]; N];
    for i in 0..N {
        for j in 0..=i {
            let numerator = count * products[i][j] - sums[i] * sums[j];
            let value = numerator as f64 / (count * (count - 1).max(1)).max(1) as f64;
            covariance[i][j] = value;
            covariance[j][i] = value;
        }
    }
    covariance
}
