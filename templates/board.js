"use strict";
// Keeps the page as the server last drew it: events carry the main part, and what differs is replaced.
(() => {
  const main = document.getElementById("main");
  const link = document.getElementById("link");
  const state = document.getElementById("state");
  const clock = document.getElementById("clock");
  const title = document.title.slice(document.title.indexOf(" – "));

  // Touches as little as it can, so that focus, scrolling and unfolded details stay, and a screen reader
  // reads only what changed.
  function morph(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    const keyed = isKeyed(old) && isKeyed(fresh);
    const alike = keyed || old.childNodes.length === fresh.childNodes.length;
    if (old.nodeName !== fresh.nodeName || !alike) {
      old.replaceWith(fresh);
      if (fresh.classList?.contains("seat")) fresh.classList.add("fresh");
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) {
      old.nodeValue = fresh.nodeValue;
      return;
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    for (const name of old.getAttributeNames()) {
      if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
    }
    if (keyed) {
      matchById(old, fresh);
    } else {
      const next = [...fresh.childNodes];
      [...old.childNodes].forEach((child, place) => morph(child, next[place]));
    }
  }

  // Sections and seats come and go, but never change places.
  function matchById(old, fresh) {
    const wanted = new Set([...fresh.children].map((child) => child.id));
    for (const child of [...old.children]) if (!wanted.has(child.id)) child.remove();
    let here = old.firstElementChild;
    for (const child of [...fresh.children]) {
      if (here?.id === child.id) {
        const next = here.nextElementSibling;
        morph(here, child);
        here = next;
      } else {
        old.insertBefore(child, here);
      }
    }
  }

  function isKeyed(node) {
    return node.children?.length > 0 && [...node.children].every((child) => child.id);
  }

  const time = () => new Date().toLocaleTimeString([], { hour12: false });

  function say(text, lost) {
    if (state.textContent !== text) state.textContent = text;
    link.classList.toggle("lost", lost);
    tick();
  }

  // A clock that stands still would look like a board that does.
  function tick() {
    clock.textContent = link.classList.contains("lost") ? "" : time();
  }

  function listen() {
    const source = new EventSource("/events");
    source.onmessage = ({ data }) => {
      const fresh = new DOMParser().parseFromString(`<main id="main">${data}</main>`, "text/html");
      morph(main, fresh.getElementById("main"));
      document.title = `${main.querySelector("h1").textContent}${title}`;
      say("Live", false);
    };
    source.onerror = () => {
      if (!link.classList.contains("lost")) {
        say(`No connection to the board since ${time()}; trying again. What is shown may be old.`, true);
      }
      // A browser connects again by itself, except after an answer that was no stream.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
    };
  }
  listen();
  setInterval(tick, 1000);
})();
