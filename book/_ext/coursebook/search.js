/* The search page. Sphinx's own search knows only which page has which word, fetches
   every page again to show a line of it, which no browser allows from a disk, and does
   not know that "normalization" and "Frechet" are in the book. This one searches the
   sections' text in search-text.js, written by search.py. */
"use strict";

const fold = (word) => {
  word = word.toLowerCase().normalize("NFKD").replace(/\p{Mark}/gu, "");
  word = word.replace("yz", "ys").replace(/iz(?=[aei])/g, "is");
  if (word.length > 5) word = word.replace(/our(?=$|e|i|s|h|l|a)/, "or");
  const american = { grey: "gray", centre: "center", artefact: "artifact" };
  for (const [british, other] of Object.entries(american))
    if (word.startsWith(british)) word = other + word.slice(british.length);
  return word;
};

const stems = new Map();
const stemmer = new Stemmer();
const stem = (word) => {
  if (!stems.has(word)) stems.set(word, stemmer.stemWord(fold(word)));
  return stems.get(word);
};

const WORD = /[\p{Letter}\p{Mark}\p{Number}]+/gu;
const stemmed = (text) => Array.from(text.matchAll(WORD), (match) => stem(match[0]));

const wanted = (query) => {
  const words = Array.from(query.matchAll(WORD), (match) => match[0].toLowerCase());
  const rare = words.filter((word) => !stopwords.includes(word));
  return [...new Set((rare.length ? rare : words).map(stem))];
};

/* How much a term of the glossary says that a query means it: 0 to 1. */
const meant = (terms, query, names) => {
  const whole = stemmed(query).join(" ");
  let best = 0;
  for (const name of names.map((name) => stemmed(name).join(" "))) {
    if (name === whole) best = 1;
    else if (` ${name} `.includes(` ${terms.join(" ")} `))
      best = Math.max(best, 0.9 * whole.length / name.length);
  }
  return best;
};

const search = (query) => {
  const terms = wanted(query);
  const whole = ` ${terms.join(" ")} `;
  const { pages, glossary } = SEARCH_TEXT;
  const introduced = new Map();
  for (const [names, places] of glossary) {
    const share = meant(terms, query, names);
    for (const [page, section, weight] of share ? places : []) {
      const score = 100 * share * weight;
      if (score > (introduced.get(page)?.score ?? 0))
        introduced.set(page, { score, section });
    }
  }
  const results = [];
  pages.forEach(([page, title, weight, sections]) => {
    const found = sections.map(([anchor, heading, text]) => {
      const head = stemmed(heading), body = stemmed(text);
      const counts = terms.map((term) => {
        const exact = (list) => list.filter((word) => word === term).length;
        const begun = (list) => list.filter((word) => word.startsWith(term)).length;
        const count = 5 * exact(head) + exact(body);
        return count || (term.length > 2 ? (5 * begun(head) + begun(body)) / 3 : 0);
      });
      const phrase = terms.length > 1 && ` ${body.join(" ")} `.includes(whole);
      return { anchor, heading, text, counts, phrase };
    });
    const total = terms.map((_, i) => found.reduce((sum, s) => sum + s.counts[i], 0));
    if (!terms.length || total.some((count) => !count)) return;
    const mean = (counts) => counts.reduce((sum, c) => sum + Math.log1p(c), 0);
    const known = introduced.get(page);
    const titled = stemmed(title).join(" ") === stemmed(query).join(" ") ? 120 : 0;
    found.forEach((section) => {
      const sure = (section.anchor === known?.section ? 9 : 0) + (section.phrase ? 3 : 0);
      section.score = mean(section.counts) + sure;
    });
    found.sort((a, b) => b.score - a.score);
    const best = titled && !known ? found.find((s) => !s.anchor) ?? found[0] : found[0];
    const score = (known?.score ?? 0) + titled + weight * mean(total);
    const others = found.filter((s) => s !== best && s.counts.every(Boolean));
    results.push({ page, title, score, best, others: others.slice(0, 3) });
  });
  return { terms, results: results.sort((a, b) => b.score - a.score) };
};

/* About thirty words around the place where most of the terms are close together. */
const excerpt = (text, terms) => {
  const words = Array.from(text.matchAll(WORD));
  const hits = words.map((match) => terms.find((term) => stem(match[0]).startsWith(term)));
  const hit = (match) => hits[words.indexOf(match)] !== undefined;
  let first = 0, most = 0;
  hits.forEach((term, i) => {
    if (term === undefined) return;
    const near = new Set(hits.slice(i, i + 20)).size + new Set(hits.slice(i, i + 2)).size;
    if (near > most) [first, most] = [i, near];
  });
  const from = first < 12 ? 0 : words[first - 10].index;
  const end = words[first + 24]?.index ?? text.length;
  const line = document.createElement("p");
  line.className = "context";
  if (from) line.append("… ");
  let at = from;
  for (const match of words.filter((m) => m.index >= from && m.index < end && hit(m))) {
    const mark = document.createElement("mark");
    mark.textContent = match[0];
    line.append(text.slice(at, match.index), mark);
    at = match.index + match[0].length;
  }
  line.append(text.slice(at, end), end < text.length ? "…" : "");
  return line;
};

const linkTo = (page, anchor, text) => {
  const link = document.createElement("a");
  link.href = `${page}.html${anchor ? `#${anchor}` : ""}`;
  link.textContent = text;
  return link;
};

Search.performSearch = (query) => {
  const { terms, results } = search(query);
  const list = document.createElement("ul");
  list.className = "search";
  for (const { page, title, best, others } of results) {
    const item = document.createElement("li");
    const where = best.anchor ? `${title}: ${best.heading}` : title;
    item.append(linkTo(page, best.anchor, where), excerpt(best.text, terms));
    if (others.length) {
      const more = document.createElement("p");
      more.className = "more";
      more.append("Also in ");
      others.forEach(({ anchor, heading }, i) => {
        more.append(i ? ", " : "", linkTo(page, anchor, anchor ? heading : "the opening"));
      });
      item.append(more);
    }
    list.append(item);
  }
  const status = document.createElement("p");
  status.className = "search-summary";
  status.setAttribute("role", "status");
  const count = results.length;
  status.textContent = count
    ? `${count} ${count === 1 ? "page has" : "pages have"} “${query}”.`
    : `No page has “${query}”. The index lists the terms of the course.`;
  const out = document.getElementById("search-results");
  out.replaceChildren(status, list);
  if (!count) status.append(" ", linkTo("genindex", "", "Index"));
};
