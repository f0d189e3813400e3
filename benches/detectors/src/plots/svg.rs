//! Strips as SVG.

use std::fmt::Write;

use super::Strip;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 96.0;
/// Between strips: the title and the bars of the one before.
const GAP: f64 = 50.0;
const TOP: f64 = 46.0;
/// What is this close together is drawn as one stroke from least to most.
const STROKE: f64 = 1.5;

const STYLE: &str = "<style>\
.paper{fill:#fff}text{fill:#1f2328}.note{fill:#59636e}.frame{fill:none;stroke:#d1d9e0}\
.fault{fill:#fde9b0}.line{fill:none;stroke:#0b5cad;stroke-width:1.1}\
.other{fill:none;stroke:#8a5cad;stroke-width:.9}.dot{fill:#0b5cad}\
.level{stroke:#59636e;stroke-dasharray:4 3}.good{fill:#1a7f37}.bad{fill:#c62828}\
@media(prefers-color-scheme:dark){.paper{fill:#0d1117}text{fill:#e6edf3}.note{fill:#9198a1}\
.frame{stroke:#3d444d}.fault{fill:#4d3d0a}.line{stroke:#6cb6ff}.other{stroke:#d2a8ff}\
.dot{fill:#6cb6ff}.level{stroke:#9198a1}.good{fill:#3fb950}.bad{fill:#ff6b6b}}\
</style>";

/// All strips below each other.
pub fn picture(strips: &[Strip]) -> String {
    let height = TOP + strips.len() as f64 * (HEIGHT + GAP) - 18.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n{STYLE}\n\
         <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n\
         <rect class=\"fault\" x=\"4\" y=\"7\" width=\"14\" height=\"11\"/>\
         <text class=\"note\" x=\"23\" y=\"17\">what is wrong</text>\
         <rect class=\"good\" x=\"118\" y=\"10\" width=\"14\" height=\"6\"/>\
         <text class=\"note\" x=\"137\" y=\"17\">found</text>\
         <rect class=\"bad\" x=\"186\" y=\"10\" width=\"14\" height=\"6\"/>\
         <text class=\"note\" x=\"205\" y=\"17\">a false alarm</text>\n"
    );
    for (nth, strip) in strips.iter().enumerate() {
        draw(strip, TOP + nth as f64 * (HEIGHT + GAP), &mut svg);
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(strip: &Strip, top: f64, into: &mut String) {
    let points = || strip.lines.iter().flatten();
    let ends = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
            (low.min(x), high.max(x))
        })
    };
    let (from, to) = ends(
        &mut points()
            .map(|(at, _)| *at)
            .chain(strip.faults.iter().flat_map(|(from, to)| [*from, *to])),
    );
    let levels = strip.levels.iter().copied();
    let (low, high) = ends(&mut points().map(|(_, value)| *value).chain(levels));
    let x = |at: f64| (at - from) / (to - from).max(1e-9) * WIDTH;
    let y = |value: f64| top + 4.0 + (high - value) / (high - low).max(1e-9) * (HEIGHT - 8.0);
    let title = top - 6.0;
    let _ = writeln!(into, "<text x=\"2\" y=\"{title}\">{}</text>", strip.title);
    for (begin, end) in &strip.faults {
        let (left, width) = (x(*begin), (x(*end) - x(*begin)).max(2.0));
        let _ = writeln!(
            into,
            "<rect class=\"fault\" x=\"{left:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{HEIGHT}\"/>"
        );
    }
    let _ = writeln!(
        into,
        "<rect class=\"frame\" x=\".5\" y=\"{top}\" width=\"{}\" height=\"{HEIGHT}\"/>",
        WIDTH - 1.0
    );
    for level in &strip.levels {
        let at = y(*level);
        let _ = writeln!(
            into,
            "<line class=\"level\" x1=\"0\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>"
        );
    }
    for (nth, line) in strip.lines.iter().enumerate().rev() {
        let class = if nth == 0 { "line" } else { "other" };
        let path = path(line, &x, &y);
        let _ = writeln!(into, "<path class=\"{class}\" d=\"{path}\"/>");
    }
    if strip.dots {
        for (at, value) in strip.lines.first().into_iter().flatten() {
            let (cx, cy) = (x(*at), y(*value));
            let _ = write!(
                into,
                "<circle class=\"dot\" cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"2\"/>"
            );
        }
        into.push('\n');
    }
    bars(strip, &x, top + HEIGHT + 3.0, into);
}

/// Readings that are close together from the least to the most of them, others
/// as they are. NaN breaks the line.
fn path(line: &[(f64, f64)], x: &dyn Fn(f64) -> f64, y: &dyn Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let mut command = 'M';
    let mut rest = line;
    while let Some((at, value)) = rest.first() {
        let end = ((x(*at) / STROKE).floor() + 1.0) * STROKE;
        let same = rest.partition_point(|(at, _)| x(*at) < end).max(1);
        if value.is_nan() {
            // A gap in the line.
            command = 'M';
            rest = &rest[1..];
            continue;
        }
        let many: Vec<f64> = rest[..same]
            .iter()
            .map(|(_, v)| *v)
            .filter(|v| !v.is_nan())
            .collect();
        let _ = write!(path, "{command}{:.1} {:.1}", x(*at), y(*value));
        if many.len() > 1 {
            let least = many.iter().copied().fold(f64::INFINITY, f64::min);
            let most = many.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let _ = write!(path, "V{:.1}V{:.1}", y(least), y(most));
        }
        command = 'L';
        rest = &rest[same..];
    }
    path
}

fn bars(strip: &Strip, x: &dyn Fn(f64) -> f64, top: f64, into: &mut String) {
    for (begin, end) in &strip.found {
        // A bar that begins in what is wrong and ends after it was right to begin.
        let right = strip
            .faults
            .iter()
            .any(|(from, to)| begin <= to && end >= from);
        let class = if right { "good" } else { "bad" };
        let (left, width) = (x(*begin), (x(*end) - x(*begin)).max(2.0));
        let _ = writeln!(
            into,
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"6\"/>"
        );
    }
}
