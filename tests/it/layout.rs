//! What a designer would look at in the page, measured in a browser: nothing overflows, no number is broken, no label
//! covers a point, and a room of forty is on one screen.

use labrpc::report::Report;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, Page},
    comparison::drifting_fleet,
    html::{class, long_names, many, open},
};

/// A phone, two projectors and a large screen.
const SCREENS: [(u32, u32); 4] = [(390, 844), (1024, 768), (1280, 720), (1920, 1080)];

/// The width of A4 between the margins of the page.
const A4: (u32, u32) = (703, 1000);

/// Finds what a reader could not read, as a list of texts.
const FAULTS: &str = r"(() => {
    const faults = [];
    const edge = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > edge) faults.push(`the page is ${document.documentElement.scrollWidth} wide`);
    const isShown = (node) => node.checkVisibility() && !node.closest('.unseen, .skip, .shapes, title, desc, script, style, noscript, svg');
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    for (let node; (node = walker.nextNode());) {
        if (!node.data.trim() || !isShown(node.parentElement)) continue;
        range.selectNodeContents(node);
        const box = node.parentElement.closest('.seat, .block, .scroll, section, header, footer, aside');
        const outer = box.getBoundingClientRect();
        const scrolls = box.matches('.scroll');
        for (const rect of range.getClientRects()) {
            const isOutside = (!scrolls && (rect.left < outer.left - 1 || rect.right > outer.right + 1)) || rect.bottom > outer.bottom + 1;
            if (isOutside) faults.push(`outside: ${node.data.trim()}`);
        }
        // A command line and the escaped text of a peer may break anywhere.
        if (node.parentElement.closest('code') || node.data.includes('\\u{')) continue;
        for (const word of node.data.matchAll(/[\w.:]*\d[\w.:]*/g)) {
            range.setStart(node, word.index);
            range.setEnd(node, word.index + word[0].length);
            const lines = new Set([...range.getClientRects()].map((rect) => Math.round(rect.top)));
            if (lines.size > 1) faults.push(`in two lines: ${word[0]}`);
        }
    }
    const boxes = (selector) => [...document.querySelectorAll(selector)].map((node) => node.getBoundingClientRect());
    const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    const labels = boxes('.plot .labels text');
    const marks = boxes('.plot .mark use');
    labels.forEach((label, place) => {
        if (marks.some((mark) => meet(label, mark))) faults.push(`label ${place} covers a point`);
        if (labels.slice(0, place).some((other) => meet(label, other))) faults.push(`label ${place} covers a label`);
    });
    for (const text of document.querySelectorAll('.plot text')) {
        const size = parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a;
        if (text.checkVisibility() && size < 11) faults.push(`plot text of ${size} px`);
    }
    const frame = document.querySelector('.plot')?.closest('section').getBoundingClientRect();
    for (const rect of boxes('.plot text')) {
        const isOutside = rect.width > 0 && (rect.left < frame.left || rect.right > frame.right || rect.bottom > frame.bottom);
        if (isOutside) faults.push('plot text outside its card');
    }
    return faults;
})()";

/// Whether the last seat ends above the fold.
const FITS: &str =
    "[...document.querySelectorAll('.seat')].at(-1).getBoundingClientRect().bottom <= innerHeight";

async fn faults(page: &Page) -> Value {
    page.eval(FAULTS).await
}

/// Fails where a page on the screen is hard to read, or has a room of forty that does not fit.
pub(crate) async fn assert_readable(page: &Page, what: &str) {
    assert_eq!(faults(page).await, json!([]), "{what}");
}

pub(crate) async fn assert_room_fits(page: &Page, what: &str) {
    assert_eq!(page.eval(FITS).await, true, "{what}: the room does not fit");
}

/// Looks at a report on every screen, light and dark, and on paper.
async fn look(page: &Page, report: &Report, name: &str, is_room: bool) {
    let _folder = open(page, report).await;
    for (width, height) in SCREENS {
        for scheme in ["light", "dark"] {
            page.screen(width, height, scheme).await;
            let what = format!("{name}-{width}x{height}-{scheme}");
            assert_readable(page, &what).await;
            if is_room && width > 600 {
                assert_room_fits(page, &what).await;
            }
            page.picture(&what).await;
            if [390, 1920].contains(&width) {
                page.assert_accessible().await;
            }
        }
    }
    page.paper(A4.0, A4.1).await;
    assert_readable(page, &format!("{name} on paper")).await;
    let hidden = "[...document.querySelectorAll('details > div, details > ul')]
        .filter((content) => !content.checkVisibility()).length";
    assert_eq!(page.eval(hidden).await, 0, "folded on paper");
    let cut = "[...document.querySelectorAll('.seat')].filter((seat) => {
        const { left, right } = seat.getBoundingClientRect();
        return left < 3 || right > innerWidth - 3;
    }).length";
    assert_eq!(page.eval(cut).await, 0, "rings cut off on paper");
    let apart = "[...document.querySelectorAll('h2, h3, .about')].filter((node) => getComputedStyle(node).breakAfter !== 'avoid').length";
    assert_eq!(page.eval(apart).await, 0, "headings that may stand alone");
    page.picture(&format!("{name}-paper")).await;
    page.pdf(name).await;
}

#[tokio::test]
async fn report_of_a_room_is_readable_on_every_screen_and_on_paper() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let page = browser.page().await;
    look(&page, &class().await, "report", true).await;
}

#[tokio::test]
async fn long_ids_and_addresses_are_readable_on_every_screen() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let page = browser.page().await;
    look(&page, &long_names().await, "report-long", false).await;
}

#[tokio::test]
async fn comparison_is_readable_on_every_screen_and_on_paper() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let page = browser.page().await;
    look(&page, &drifting_fleet(), "comparison", true).await;
}

#[tokio::test]
async fn map_of_2000_endpoints_is_dense_and_starts_with_the_failing_blocks() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let page = browser.page().await;
    look(&page, &many(2000).await, "report-2000", false).await;
    page.screen(1280, 720, "light").await;
    let shares = "[...document.querySelectorAll('.block > p:last-child b')].map((good) => Number(good.textContent))";
    let shares = page.eval(shares).await;
    let shares: Vec<_> = (shares.as_array().unwrap().iter())
        .map(|good| good.as_u64().unwrap())
        .collect();
    assert_eq!(shares.len(), 40);
    assert!(shares.is_sorted() && shares[0] < 50, "{shares:?}");
    let map = "document.querySelector('.blocks').getBoundingClientRect().height <= innerHeight";
    assert_eq!(page.eval(map).await, true, "the map is on one screen");
}

/// Each measure finds the fault that it is for.
#[tokio::test]
async fn measures_find_what_they_are_for() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let page = browser.page().await;
    page.screen(1024, 768, "light").await;
    let report = class().await;
    for (spoil, fault) in [
        ("document.querySelector('.name').style.width = '4em'", "in two lines: "),
        ("document.querySelector('.name').style.cssText = 'white-space: nowrap; font-size: 30px'", "outside: "),
        ("document.querySelector('#room').style.width = '1100px'", "the page is "),
        ("document.querySelector('.plot .labels svg').setAttribute('x', document.querySelector('.mark').getAttribute('x'));
          document.querySelector('.plot .labels svg').setAttribute('y', document.querySelector('.mark').getAttribute('y'));
          for (const part of ['x', 'y']) document.querySelector('.plot .labels text').setAttribute(part, '0')", "label 0 covers a point"),
        ("document.querySelector('.plot .y').style.fontSize = '10px'", "plot text of 10 px"),
        ("document.querySelector('.plot').style.width = '110%'", "plot text outside its card"),
    ] {
        let _folder = open(&page, &report).await;
        assert_readable(&page, "before").await;
        page.eval(&format!("{{ {spoil} }}; null")).await;
        let found = faults(&page).await;
        let found = found.as_array().unwrap();
        assert!(found.iter().any(|text| text.as_str().unwrap().starts_with(fault)), "{fault}: {found:?}");
    }
    let _folder = open(&page, &report).await;
    assert_room_fits(&page, "before").await;
    page.eval("document.querySelector('.seats').style.fontSize = '24px'")
        .await;
    assert_eq!(page.eval(FITS).await, false);
}
