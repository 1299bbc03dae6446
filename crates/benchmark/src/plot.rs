//! Plots as SVG, by hand: lines with the spread of their repeats.

use std::fmt::Write;

use crate::results::Figure;
use crate::words::tick;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 56.0;

/// Told apart also by those who see few colours (Okabe and Ito).
const COLOURS: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
];

/// A picture of lines.
pub(crate) struct Plot {
    pub(crate) title: &'static str,
    /// What stands below; its scale is logarithmic.
    pub(crate) x: &'static str,
    pub(crate) y: &'static str,
    /// Whether the upright scale is logarithmic too, and does not begin at 0.
    pub(crate) is_log: bool,
    pub(crate) lines: Vec<Line>,
}

/// A line and its name.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, Figure)>,
    pub(crate) is_dashed: bool,
}

/// From a value to a place.
struct Axis {
    from: f64,
    to: f64,
    is_log: bool,
    /// The places of both ends.
    ends: (f64, f64),
}

impl Plot {
    /// The picture; `None` if there is nothing in it.
    pub(crate) fn svg(&self) -> Option<String> {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let xs = points().map(|(x, _)| *x);
        let ys = points().flat_map(|(_, figure)| [figure.least, figure.most]);
        let x = Axis::around(xs, true, (LEFT, WIDTH - RIGHT))?;
        let y = Axis::around(ys, self.is_log, (HEIGHT - BOTTOM, TOP))?;
        let mut svg = String::new();
        // A String takes everything.
        let _ = self.draw(&mut svg, &x, &y);
        Some(svg)
    }

    fn draw(&self, svg: &mut String, x: &Axis, y: &Axis) -> std::fmt::Result {
        writeln!(
            svg,
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13" fill="#222">
<rect width="100%" height="100%" fill="#fff"/>
<text x="{LEFT}" y="26" font-size="16" font-weight="bold">{}</text>"##,
            self.title
        )?;
        self.axes(svg, x, y)?;
        for (number, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            line.draw(svg, colour, x, y)?;
            let (left, down) = (WIDTH - RIGHT + 16.0, TOP + 10.0 + 22.0 * number as f64);
            let dashes = line.dashes();
            writeln!(
                svg,
                r##"<line x1="{left}" x2="{}" y1="{down}" y2="{down}" stroke="{colour}" stroke-width="2.5"{dashes}/><text x="{}" y="{}">{}</text>"##,
                left + 24.0,
                left + 32.0,
                down + 4.5,
                line.name
            )?;
        }
        writeln!(svg, "</svg>")
    }

    fn axes(&self, svg: &mut String, x: &Axis, y: &Axis) -> std::fmt::Result {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        let xs: Vec<f64> = self
            .lines
            .iter()
            .flat_map(|l| &l.points)
            .map(|p| p.0)
            .collect();
        for value in x.ticks(&xs) {
            let place = x.place(value);
            writeln!(
                svg,
                r##"<line x1="{place:.1}" x2="{place:.1}" y1="{TOP}" y2="{bottom}" stroke="#eee"/><text x="{place:.1}" y="{}" text-anchor="middle">{}</text>"##,
                bottom + 20.0,
                tick(value)
            )?;
        }
        for value in y.ticks(&[]) {
            let place = y.place(value);
            writeln!(
                svg,
                r##"<line x1="{LEFT}" x2="{right}" y1="{place:.1}" y2="{place:.1}" stroke="#ddd"/><text x="{}" y="{:.1}" text-anchor="end">{}</text>"##,
                LEFT - 8.0,
                place + 4.5,
                tick(value)
            )?;
        }
        let (middle, centre) = (f64::midpoint(LEFT, right), f64::midpoint(TOP, bottom));
        writeln!(
            svg,
            r##"<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="#222"/>
<text x="{middle}" y="{}" text-anchor="middle">{}</text>
<text transform="translate(22 {centre}) rotate(-90)" text-anchor="middle">{}</text>"##,
            HEIGHT - 14.0,
            self.x,
            self.y
        )
    }
}

impl Line {
    fn dashes(&self) -> &'static str {
        match self.is_dashed {
            true => r#" stroke-dasharray="6 4""#,
            false => "",
        }
    }

    fn draw(&self, svg: &mut String, colour: &str, x: &Axis, y: &Axis) -> std::fmt::Result {
        let place = |(at, figure): &(f64, Figure)| {
            format!("{:.1},{:.1}", x.place(*at), y.place(figure.median))
        };
        let places: Vec<_> = self.points.iter().map(place).collect();
        writeln!(
            svg,
            r##"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2.5"{}/>"##,
            places.join(" "),
            self.dashes()
        )?;
        for (at, figure) in &self.points {
            let across = x.place(*at);
            let [middle, low, high] =
                [figure.median, figure.least, figure.most].map(|v| y.place(v));
            writeln!(
                svg,
                r##"<circle cx="{across:.1}" cy="{middle:.1}" r="3.5" fill="{colour}"/><path d="M{across:.1} {low:.1}V{high:.1}" stroke="{colour}"/>"##
            )?;
        }
        Ok(())
    }
}

impl Axis {
    fn around(values: impl Iterator<Item = f64>, is_log: bool, ends: (f64, f64)) -> Option<Self> {
        let values = values.filter(|value| !is_log || *value > 0.0);
        let (least, most) = values.fold(None, |ends: Option<(f64, f64)>, value| {
            Some(ends.map_or((value, value), |(a, b)| (a.min(value), b.max(value))))
        })?;
        let (from, to) = match is_log {
            true => (least / 1.25, most * 1.25),
            false => (0.0, most * 1.1),
        };
        Some(Self {
            from,
            to,
            is_log,
            ends,
        })
    }

    fn place(&self, value: f64) -> f64 {
        let part = match self.is_log {
            true => (value.max(self.from) / self.from).ln() / (self.to / self.from).ln(),
            false => value / self.to,
        };
        self.ends.0 + part * (self.ends.1 - self.ends.0)
    }

    /// Few values are marked themselves; else 1, 2 and 5 in each power of ten.
    fn ticks(&self, values: &[f64]) -> Vec<f64> {
        if !values.is_empty() {
            let mut values = values.to_vec();
            values.sort_by(f64::total_cmp);
            values.dedup();
            return values;
        }
        if !self.is_log {
            let rough = self.to / 5.0;
            let power = 10_f64.powf(rough.log10().floor());
            let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
            let step = steps
                .into_iter()
                .find(|step| *step >= rough)
                .unwrap_or(power);
            let count = (0..20).map(|number| f64::from(number) * step);
            return count.take_while(|value| *value <= self.to).collect();
        }
        let powers = -4..12;
        let all = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(power)));
        all.filter(|value| (self.from..=self.to).contains(value))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_shows_its_lines_and_nothing_of_nothing() {
        let figure = |median: f64| Figure::of([median, median * 1.1, median * 0.9]).unwrap();
        let line = |points: &[(f64, f64)]| Line {
            name: "p99".to_owned(),
            points: points.iter().map(|(x, y)| (*x, figure(*y))).collect(),
            is_dashed: false,
        };
        let plot = |points: &[(f64, f64)]| Plot {
            title: "Latency",
            x: "trades/s",
            y: "ms",
            is_log: false,
            lines: vec![line(points)],
        };
        let svg = plot(&[(50_000.0, 2.0), (250_000.0, 4.0)]).svg().unwrap();
        assert!(
            svg.contains(">50k<") && svg.contains(">250k<") && svg.contains(">4<"),
            "{svg}"
        );
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(plot(&[]).svg().is_none());
    }

    #[test]
    fn places_are_inside_and_in_order() {
        let axis = Axis::around([1.0, 1000.0].into_iter(), true, (0.0, 100.0)).unwrap();
        let places = [1.0, 10.0, 1000.0].map(|value| axis.place(value));
        assert!(
            places.is_sorted() && places[0] > 0.0 && places[2] < 100.0,
            "{places:?}"
        );
        assert_eq!(axis.ticks(&[]).first(), Some(&1.0));
    }
}
