//! Where a plot has space for a label: beside its points, and at no width of the plot over a mark.
//!
//! A plot grows with the page, its marks and texts do not. Positions are therefore shares of the plot, offsets from
//! them are pixels, and whether two boxes meet is computed for all widths at once.

/// The widths of a plot in pixels, and its height as a share of the width: on a phone and on larger screens. The same
/// as in the style sheet.
const SHAPES: [(f64, f64, f64); 2] = [(200.0, 480.0, 1.0), (400.0, 2600.0, 2.0 / 3.0)];

/// Distances of a label from its point, in pixels.
const DISTANCES: [f64; 3] = [24.0, 32.0, 42.0];

/// Directions in which a label may be.
const DIRECTIONS: u32 = 16;

/// A box around a point.
#[derive(Clone, Copy)]
pub(super) struct PlacedBox {
    /// The point, as shares of the plot's width and height.
    pub(super) at: [f64; 2],
    /// The middle of the box, in pixels from the point.
    pub(super) offset: [f64; 2],
    /// Half of its width and height, in pixels.
    pub(super) half: [f64; 2],
}

/// The box of a label beside one of `points` that is inside the plot and meets none of `obstacles`, if there is one.
pub(super) fn place(
    points: &[[f64; 2]],
    half: [f64; 2],
    obstacles: &[PlacedBox],
) -> Option<PlacedBox> {
    let directions = (0..DIRECTIONS).map(|step| {
        // From the upper right on: that is where a reader looks first.
        let turn = std::f64::consts::TAU * (f64::from(step) / f64::from(DIRECTIONS) - 0.125);
        [turn.cos(), turn.sin()]
    });
    let mut candidates = DISTANCES.into_iter().flat_map(|distance| {
        let directions = directions.clone();
        points.iter().flat_map(move |&at| {
            directions.clone().map(move |direction| PlacedBox {
                at,
                offset: direction.map(|part| part * distance),
                half,
            })
        })
    });
    candidates.find(|label| label.is_inside() && !obstacles.iter().any(|other| label.meets(other)))
}

impl PlacedBox {
    /// Whether it is inside the plot at every width.
    fn is_inside(&self) -> bool {
        let lengths = |axis: usize| {
            SHAPES.into_iter().flat_map(move |(least, most, height)| {
                let factor = [1.0, height][axis];
                [least * factor, most * factor]
            })
        };
        (0..2).all(|axis| {
            lengths(axis).all(|length| {
                let middle = self.at[axis] * length + self.offset[axis];
                middle >= self.half[axis] && middle + self.half[axis] <= length
            })
        })
    }

    /// Whether it meets another box at any width.
    fn meets(&self, other: &Self) -> bool {
        SHAPES.into_iter().any(|(least, most, height)| {
            let (mut from, mut to) = (least, most);
            for (axis, factor) in [1.0, height].into_iter().enumerate() {
                // The boxes meet on this axis at the widths w with |start + slope * w| < reach.
                let start = other.offset[axis] - self.offset[axis];
                let slope = (other.at[axis] - self.at[axis]) * factor;
                let reach = self.half[axis] + other.half[axis];
                if slope == 0.0 {
                    if start.abs() >= reach {
                        return false;
                    }
                } else {
                    let ends = [(-reach - start) / slope, (reach - start) / slope];
                    from = from.max(ends[0].min(ends[1]));
                    to = to.min(ends[0].max(ends[1]));
                }
            }
            from < to
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(x: f64, y: f64) -> PlacedBox {
        PlacedBox {
            at: [x, y],
            offset: [0.0, 0.0],
            half: [10.0, 10.0],
        }
    }

    #[test]
    fn boxes_meet_where_they_do_at_some_width() {
        let label = PlacedBox {
            offset: [0.0, -30.0],
            ..mark(0.5, 0.5)
        };
        assert!(!label.meets(&mark(0.5, 0.5)), "its own point");
        // 30 pixels above the point, where the plot is 300 pixels wide and high.
        assert!(label.meets(&mark(0.5, 0.4)));
        assert!(!label.meets(&mark(0.5, 0.6)), "below");
        assert!(!label.meets(&mark(0.7, 0.4)), "beside");
    }

    #[test]
    fn label_is_inside_and_covers_no_mark() {
        for corner in [[0.05, 0.05], [0.95, 0.95], [0.5, 0.5]] {
            let own = mark(corner[0], corner[1]);
            let label = place(&[corner], [8.0, 9.0], &[own]).unwrap();
            assert!(label.is_inside() && !label.meets(&own), "{corner:?}");
        }
        let everywhere: Vec<_> = (0..10_000)
            .map(|index| {
                mark(
                    f64::from(index % 100) / 100.0,
                    f64::from(index / 100) / 100.0,
                )
            })
            .collect();
        assert!(place(&[[0.5, 0.5]], [8.0, 9.0], &everywhere).is_none());
    }
}
