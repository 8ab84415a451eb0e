// Returns what makes the page hard to use with a keyboard or a screen reader, or
// hard to read, a line for each fault.
(() => {
	const faults = [];
	const fault = (what, e) => faults.push(what + ": " + (e ? e.outerHTML.slice(0, 160) : ""));
	const all = (selector) => [...document.querySelectorAll(selector)];
	const open = document.querySelector("dialog[open]");
	const seen = (e) => e.checkVisibility({ visibilityProperty: true }) && (!open || open.contains(e));

	const labelled = (e) => (e.getAttribute("aria-labelledby") || "").split(/\s+/).filter(Boolean)
		.map((id) => document.getElementById(id)?.textContent.trim() || "").join(" ").trim();
	const text = (e) => [...e.childNodes].map((n) => n.nodeType === Node.TEXT_NODE ? n.data
		: n.nodeType === Node.ELEMENT_NODE && n.getAttribute("aria-hidden") !== "true" ? text(n) : "").join("").trim();
	const name = (e) => e.getAttribute("aria-label")?.trim() || labelled(e) || [...(e.labels || [])].map(text).join(" ") || text(e);

	if (!document.documentElement.lang) fault("no language");
	if (!document.title) fault("no title");
	for (const landmark of ["header", "main", "search"]) if (all(landmark).length !== 1) fault("not one " + landmark);
	if (!document.querySelector("a.skip[href='#results']")) fault("no way to skip the head");

	let level = 0;
	for (const h of all("h1, h2, h3, h4").filter(seen)) {
		const n = Number(h.localName[1]);
		if (!open && n > level + 1) fault("a heading is left out", h);
		if (!text(h)) fault("an empty heading", h);
		level = n;
	}
	if (all("h1").length !== 1) fault("not one h1");

	const ids = new Set();
	for (const e of all("[id]")) {
		if (ids.has(e.id)) fault("an id twice", e);
		ids.add(e.id);
	}
	for (const e of all("[aria-labelledby], [aria-describedby], label[for]")) {
		const references = ["aria-labelledby", "aria-describedby", "for"].map((a) => e.getAttribute(a) || "").join(" ");
		for (const id of references.split(/\s+/).filter(Boolean)) if (!ids.has(id)) fault("no element " + id, e);
	}
	for (const e of all("[role=region], [role=group], section, dialog, [role=application]")) if (!name(e)) fault("no name", e);
	for (const e of all("svg")) if (e.getAttribute("aria-hidden") !== "true" && !name(e)) fault("a drawing without a name", e);
	for (const e of all("th")) if (!e.scope) fault("a header of nothing", e);
	for (const e of all("ol > *, ul > *")) if (e.localName !== "li") fault("no entry of a list", e);

	const controls = all("button, a[href], input, select, summary, [tabindex]").filter(seen);
	for (const e of controls) {
		if (!name(e) && e.localName !== "main" && e.id !== "scroll") fault("a control without a name", e);
		if (e.tabIndex > 0) fault("an order of its own", e);
		const box = e.getBoundingClientRect();
		if (e.matches("button, input, select, summary") && (box.height < 24 || box.width < 24)) fault("a small target, " + box.width + "x" + box.height, e);
	}
	for (const e of all("*").filter(seen)) {
		const scrolls = /auto|scroll/.test(getComputedStyle(e).overflowY) && e.scrollHeight > e.clientHeight + 1;
		if (scrolls && e.tabIndex < 0 && !e.querySelector("button, a[href], [tabindex='0']")) fault("scrolls without a keyboard", e);
	}

	// Contrast, by WCAG 2.
	const parse = (colour) => {
		const numbers = colour.match(/[\d.]+/g).map(Number);
		return { rgb: numbers.slice(0, 3), alpha: numbers[3] ?? 1 };
	};
	const over = (top, below) => top.rgb.map((c, i) => c * top.alpha + below[i] * (1 - top.alpha));
	const background = (e) => {
		if (!e) return [255, 255, 255];
		const own = parse(getComputedStyle(e).backgroundColor);
		return own.alpha === 1 ? own.rgb : over(own, background(e.parentElement));
	};
	const luminance = (rgb) => rgb.map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
		.reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n = walker.nextNode(); n; n = walker.nextNode()) {
		const e = n.parentElement;
		if (!n.data.trim() || !seen(e) || e.closest("svg, script, noscript, .unseen")) continue;
		const style = getComputedStyle(e), below = background(e);
		const [light, dark] = [luminance(over(parse(style.color), below)), luminance(below)].sort((a, b) => b - a);
		const large = parseFloat(style.fontSize) >= 24 || parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700;
		const ratio = (light + 0.05) / (dark + 0.05);
		if (ratio < (large ? 3 : 4.5)) fault("contrast " + ratio.toFixed(2) + " of " + JSON.stringify(n.data.trim().slice(0, 40)), e);
	}
	return faults;
})()
