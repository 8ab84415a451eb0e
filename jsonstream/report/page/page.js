"use strict";
// The page works without this: totals and failures are in its markup. Names and
// what tests have written are set as text, never as markup.
(() => {
	const byID = (id) => document.getElementById(id);
	const data = JSON.parse(byID("data").textContent);
	const states = data.states;
	const PASSED = states.indexOf("passed");
	const SLOW = 1000; // milliseconds

	// A row of the data: package, name, state, time, start, failure, leaks, trend.
	const [PACKAGE, NAME, STATE, TOOK, START, FAILURE, LEAKS, TREND] = [0, 1, 2, 3, 4, 5, 6, 7];
	const tests = data.tests;
	const nameOf = (t) => t[NAME] || "(package)";
	const shortPackages = data.packages.map((path) =>
		path === data.module ? "." : path.startsWith(data.module + "/") ? path.slice(data.module.length + 1) : path);

	const element = (name, attributes, ...children) => {
		const e = document.createElement(name);
		for (const [key, value] of Object.entries(attributes || {})) e.setAttribute(key, value);
		e.append(...children);
		return e;
	};
	const drawing = (name, attributes, ...children) => {
		const e = document.createElementNS("http://www.w3.org/2000/svg", name);
		for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
		e.append(...children);
		return e;
	};
	const took = (ms) => {
		if (ms < 1000) return Math.round(ms) + " ms";
		if (ms < 60000) return (ms / 1000).toFixed(2) + " s";
		return Math.floor(ms / 60000) + " min " + Math.round(ms % 60000 / 1000) + " s";
	};
	const counted = (n) => n.toLocaleString("en");
	const plural = (n, what) => counted(n) + " " + what + (n === 1 ? "" : "s");
	const say = (text) => { byID("said").textContent = text; };

	// Earlier runs of a test, the oldest first.
	const trendOf = (t) => {
		const points = [];
		for (let i = TREND; i < t.length; i += 3) points.push({ run: data.runs[t[i]], state: states[t[i + 1]], took: t[i + 2] });
		return points;
	};
	const trendText = (points) => {
		const counts = new Map();
		for (const p of points) counts.set(p.state, (counts.get(p.state) || 0) + 1);
		return "last " + plural(points.length, "run") + ": " + [...counts].map(([state, n]) => n + " " + state).join(", ");
	};
	// A run that passed is a short bar, all others are high: colour says nothing alone.
	const smallTrend = (points) => {
		const shown = points.slice(-10);
		const bars = shown.map((p, i) => {
			const height = p.state === "passed" ? 5 : p.state === "skipped" ? 2 : 14;
			return drawing("rect", { class: p.state, x: i * 8, y: 15 - height, width: 6, height, rx: 1 });
		});
		return drawing("svg", { class: "trend", width: 80, height: 16, "aria-hidden": "true" }, ...bars);
	};

	// What is shown of the tests: the filter, the search, and the order.
	const filters = [{ name: "all", is: () => true }];
	states.forEach((name, i) => { if (name !== "leaked") filters.push({ name, state: i, is: (t) => t[STATE] === i }); });
	filters.push({ name: "leaked", is: (t) => t[LEAKS] === 1 });
	filters.push({ name: "slow", title: "1 s or longer", is: (t) => t[TOOK] >= SLOW });
	let filter = filters[0];
	let words = [];
	const texts = new Array(tests.length);
	const textOf = (i) => texts[i] ??= (tests[i][NAME] + " " + data.packages[tests[i][PACKAGE]]).toLowerCase();
	const matches = (i) => {
		if (!filter.is(tests[i])) return false;
		if (words.length === 0) return true;
		const text = textOf(i);
		return words.every((word) => text.includes(word));
	};
	const compareText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
	const orders = {
		state: (a, b) => a - b,
		took: (a, b) => tests[b][TOOK] - tests[a][TOOK] || a - b,
		name: (a, b) => compareText(tests[a][NAME], tests[b][NAME]) || a - b,
		start: (a, b) => tests[a][START] - tests[b][START] || a - b,
	};
	let shown = []; // indices of tests
	let order = orders.state;

	const failureTests = new Map(); // by the number of the failure
	tests.forEach((t, i) => { if (t[FAILURE] >= 0) failureTests.set(t[FAILURE], i); });

	const update = () => {
		shown = [];
		for (let i = 0; i < tests.length; i++) if (matches(i)) shown.push(i);
		if (order !== orders.state) shown.sort(order);
		const searching = words.length > 0 || filter !== filters[0];
		document.body.classList.toggle("searching", searching);
		for (const section of document.querySelectorAll(".failures")) {
			let visible = 0;
			for (const f of section.querySelectorAll("details")) {
				const i = failureTests.get(Number(f.id.slice(1)));
				f.hidden = searching && (i === undefined || !matches(i));
				if (!f.hidden) visible++;
			}
			section.hidden = visible === 0;
		}
		byID("count").textContent = plural(shown.length, "result");
		byID("listed").textContent = counted(shown.length);
		byID("nothing").hidden = shown.length > 0;
		byID("scroll").hidden = shown.length === 0;
		list.reset();
	};

	// The list has elements for the rows that are in sight, and for the one with the
	// focus.
	const list = (() => {
		const scroll = byID("scroll"), ol = byID("list");
		const rows = new Map(); // elements by position
		let current = 0; // the position that Tab reaches
		let height = 28;
		const make = (at) => {
			const t = tests[shown[at]];
			const points = trendOf(t);
			const button = element("button", { type: "button", class: states[t[STATE]], tabindex: at === current ? 0 : -1 },
				element("span", { class: "state" }, states[t[STATE]]), " ",
				element("span", { class: "name", title: nameOf(t) }, nameOf(t)), " ",
				element("span", { class: "package", title: data.packages[t[PACKAGE]] }, shortPackages[t[PACKAGE]]), " ",
				points.length > 0 ? smallTrend(points) : element("span", { class: "trend" }), " ",
				element("span", { class: "took" }, took(t[TOOK])));
			if (points.length > 0) button.append(element("span", { class: "unseen" }, " " + trendText(points)));
			const li = element("li", { "aria-setsize": shown.length, "aria-posinset": at + 1 }, button);
			li.style.transform = "translateY(" + at * height + "px)";
			button.addEventListener("click", () => { select(at); openTest(shown[at]); });
			button.addEventListener("focus", () => select(at));
			return li;
		};
		const select = (at) => {
			const before = rows.get(current);
			if (before) before.firstChild.tabIndex = -1;
			current = at;
			const now = rows.get(at);
			if (now) now.firstChild.tabIndex = 0;
		};
		const render = () => {
			const first = Math.max(0, Math.floor(scroll.scrollTop / height) - 10);
			const last = Math.min(shown.length, Math.ceil((scroll.scrollTop + scroll.clientHeight) / height) + 10);
			const wanted = new Set();
			for (let at = first; at < last; at++) wanted.add(at);
			if (current < shown.length) wanted.add(current);
			for (const [at, li] of rows) if (!wanted.has(at)) { li.remove(); rows.delete(at); }
			const ats = [...wanted].sort((a, b) => a - b);
			let next = null; // rows stand in the order in which they are shown
			for (let i = ats.length - 1; i >= 0; i--) {
				let li = rows.get(ats[i]);
				if (!li) {
					li = make(ats[i]);
					rows.set(ats[i], li);
					ol.insertBefore(li, next);
				}
				next = li;
			}
		};
		const reset = () => {
			height = parseFloat(getComputedStyle(ol).getPropertyValue("--row"));
			for (const li of rows.values()) li.remove();
			rows.clear();
			current = 0;
			ol.style.height = shown.length * height + "px";
			scroll.scrollTop = 0;
			render();
		};
		scroll.addEventListener("scroll", render, { passive: true });
		new ResizeObserver(() => {
			if (parseFloat(getComputedStyle(ol).getPropertyValue("--row")) !== height) reset();
			else render();
		}).observe(scroll);
		const focus = (at) => {
			at = Math.max(0, Math.min(shown.length - 1, at));
			const top = at * height;
			if (top < scroll.scrollTop) scroll.scrollTop = top;
			if (top + height > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = top + height - scroll.clientHeight;
			select(at);
			render();
			rows.get(at).firstChild.focus();
		};
		ol.addEventListener("keydown", (e) => {
			const page = Math.max(1, Math.floor(scroll.clientHeight / height) - 1);
			const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[e.key];
			if (step === undefined || e.ctrlKey || e.metaKey || e.altKey) return;
			e.preventDefault();
			focus(current + step);
		});
		return { reset, focus, has: (e) => ol.contains(e), at: () => current };
	})();

	// Of many failures the markup of most is data, until it is wanted.
	const parse = (later) => {
		const t = document.createElement("template");
		t.innerHTML = JSON.parse(later.textContent);
		return t.content;
	};
	const failureElement = (id) => {
		const found = byID("f" + id);
		if (found) return found;
		for (const later of document.querySelectorAll(".more")) {
			const content = later.textContent.includes("f" + id + '\\"') && parse(later);
			const inside = content && content.getElementById("f" + id);
			if (inside) return inside;
		}
		return null;
	};
	for (const button of document.querySelectorAll(".show-more")) {
		const section = button.parentElement;
		const next = () => section.querySelector(".more");
		button.hidden = false;
		button.addEventListener("click", () => {
			const content = parse(next());
			const first = content.firstElementChild;
			next().replaceWith(content);
			button.hidden = !next();
			update();
			first.firstElementChild.focus();
		});
	}

	// The dialog for a test.
	const shellWord = (s) => /^[\w./:=@^$,-]+$/.test(s) && !s.includes("$") ? s : "'" + s.replaceAll("'", "'\\''") + "'";
	const command = (t) => {
		const parts = t[NAME].replace(/ \(run \d+\)$/, "").split("/").filter((part) => part !== "");
		const pattern = parts.map((part) => "^" + part.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&") + "$").join("/");
		return "pgtest " + (pattern ? "-run " + shellWord(pattern) + " " : "") + shellWord(data.packages[t[PACKAGE]]);
	};
	const openTest = (i) => {
		const t = tests[i];
		byID("test-name").textContent = nameOf(t);
		byID("test-about").replaceChildren(
			element("span", { class: "state " + states[t[STATE]] }, states[t[STATE]]),
			element("code", {}, data.packages[t[PACKAGE]]),
			element("span", {}, took(t[TOOK])),
			...(t[START] >= 0 ? [element("span", {}, "began after " + took(t[START]))] : []));
		byID("test-command").textContent = command(t);
		byID("test-copy").dataset.copy = command(t);
		const output = byID("test-output");
		output.replaceChildren();
		const failure = t[FAILURE] >= 0 ? failureElement(t[FAILURE]) : null;
		if (failure) {
			const copy = document.importNode(failure, true);
			copy.querySelector("summary").remove();
			output.append(...copy.children);
		}
		const trend = byID("test-trend");
		trend.replaceChildren();
		const points = trendOf(t);
		if (points.length > 0) trend.append(...bigTrend([...points, { run: 0, state: states[t[STATE]], took: t[TOOK] }]));
		byID("test").showModal();
	};
	const bigTrend = (points) => {
		const longest = Math.max(1, ...points.map((p) => p.took));
		const bars = points.map((p, i) => {
			const height = Math.max(2, Math.round(60 * p.took / longest));
			return drawing("rect", { class: p.state, x: i * 18, y: 62 - height, width: 14, height, rx: 2 });
		});
		const rows = points.toReversed().map((p) => element("tr", { class: p.state },
			element("th", { scope: "row" }, p.run ? new Date(p.run).toLocaleString() : "this run"),
			element("td", { class: "state" }, p.state),
			element("td", { class: "number" }, took(p.took))));
		return [
			element("h3", {}, "Last runs"),
			drawing("svg", { class: "trend chart", width: points.length * 18, height: 64, role: "img", "aria-label": "Times of the " + trendText(points) }, ...bars),
			element("table", {},
				element("thead", {}, element("tr", {}, ...["Run", "Result", "Time"].map((head) => element("th", { scope: "col" }, head)))),
				element("tbody", {}, ...rows)),
		];
	};

	// Search and filters.
	const query = byID("query");
	query.addEventListener("input", () => {
		words = query.value.toLowerCase().split(/\s+/).filter((word) => word !== "");
		update();
	});
	for (const f of filters) {
		let n = 0;
		for (const t of tests) if (f.is(t)) n++;
		if (n === 0 && f.name !== "all") continue;
		const button = element("button", { type: "button", class: f.name, "aria-pressed": f === filter }, f.name + " ", element("b", {}, counted(n)));
		if (f.title) button.title = f.title;
		f.button = button;
		button.addEventListener("click", () => setFilter(f === filter ? filters[0] : f));
		byID("filters").append(button);
	}
	const setFilter = (f) => {
		filter.button.setAttribute("aria-pressed", "false");
		filter = f;
		filter.button.setAttribute("aria-pressed", "true");
		update();
	};
	const clear = () => {
		query.value = "";
		words = [];
		setFilter(filters[0]);
	};
	byID("sort").addEventListener("change", (e) => {
		order = orders[e.target.value];
		update();
	});

	document.addEventListener("click", (e) => {
		const button = e.target.closest(".copy");
		if (!button) return;
		const text = button.dataset.copy;
		const done = () => say("Copied " + text);
		navigator.clipboard?.writeText(text).then(done, () => say("This browser does not copy."));
	});

	// Keys.
	const move = (step) => {
		const active = document.activeElement;
		if (list.has(active)) {
			if (list.at() + step >= 0) return list.focus(list.at() + step);
		}
		const heads = [...document.querySelectorAll(".failure > summary")].filter((e) => e.checkVisibility());
		let at = list.has(active) ? heads.length - 1 : heads.indexOf(active.closest(".failure")?.firstElementChild);
		if (!list.has(active)) at = at < 0 ? (step > 0 ? 0 : -1) : at + step;
		if (at >= heads.length && shown.length > 0) return list.focus(0);
		const head = heads[Math.max(0, Math.min(heads.length - 1, at))];
		if (head) {
			head.focus();
			head.scrollIntoView({ block: "nearest" });
		}
	};
	document.addEventListener("keydown", (e) => {
		if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
		const typing = e.target === query || e.target.tagName === "SELECT";
		if (e.key === "Escape") {
			if (e.target === query && query.value === "") query.blur();
			clear();
		} else if (typing) {
			if (e.target === query && (e.key === "Enter" || e.key === "ArrowDown")) move(1);
			else return;
		} else if (e.key === "/") {
			query.focus();
			query.select();
		} else if (e.key === "j" || e.key === "k") {
			move(e.key === "j" ? 1 : -1);
		} else if (e.key === "?") {
			byID("keys").showModal();
		} else return;
		e.preventDefault();
	});
	byID("help").addEventListener("click", () => byID("keys").showModal());

	const printed = [];
	addEventListener("beforeprint", () => {
		for (const f of document.querySelectorAll(".failure:not([open])")) { f.open = true; printed.push(f); }
	});
	addEventListener("afterprint", () => { for (const f of printed.splice(0)) f.open = false; });
	for (const time of document.querySelectorAll("header time")) {
		const at = new Date(data.started);
		if (data.started > 0) time.textContent = at.toLocaleString();
	}
	const target = /^#f\d+$/.test(location.hash) && byID(location.hash.slice(1));
	if (target) target.open = true;

	// The timeline is drawn: only what is in sight, however long the run was. A span
	// of the data is kind, name, package, track, depth, start, end in microseconds,
	// state or -1, and whether it is on the critical path.
	const drawTimeline = (timeline) => {
		const [KIND, LABEL, OF, TRACK, DEPTH, FROM, TO, RESULT, CRITICAL] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
		const ROW = 17, GAP = 5, AXIS = 22, GUTTER = 84;
		const box = byID("chart"), canvas = box.firstElementChild, status = byID("span");
		const { spans, marks, kinds } = timeline;
		const tracks = timeline.tracks.map(([group, name]) => ({ group, name, spans: [], marks: [], depth: 1, top: 0 }));
		spans.forEach((s, i) => {
			const t = tracks[s[TRACK]];
			t.spans.push(i);
			t.depth = Math.max(t.depth, s[DEPTH] + 1);
		});
		for (const m of marks) tracks[m[3]].marks.push(m);
		let height = AXIS;
		for (const t of tracks) {
			t.top = height;
			height += t.depth * ROW + GAP;
		}
		const spacer = element("div");
		spacer.style.height = height + "px";
		box.append(spacer);
		const whole = Math.max(1, timeline.end);
		let from = 0, to = whole, chosen = -1, colours = {}, waiting = false;
		const width = () => Math.max(50, box.clientWidth - GUTTER);
		const xOf = (at) => GUTTER + (at - from) / (to - from) * width();
		const atOf = (x) => from + (x - GUTTER) / width() * (to - from);
		const isPackage = (s) => kinds[s[KIND]].startsWith("package");
		let testRows = null; // by package and name
		const rowOf = (s) => {
			testRows ??= new Map(tests.map((t, i) => [t[PACKAGE] + " " + t[NAME], i]));
			return testRows.get(s[OF] + " " + (isPackage(s) ? "" : s[LABEL]));
		};

		const readColours = () => {
			const style = getComputedStyle(document.documentElement);
			for (const name of ["bg", "fg", "muted", "line", "panel", "accent", "other", "failed", "flaky", "interrupted", "leaked", "passed"]) {
				colours[name] = style.getPropertyValue("--" + name).trim();
			}
		};
		const colourOf = (s) => (s[RESULT] < 0 ? (kinds[s[KIND]].startsWith("link") ? colours.accent : colours.other) : colours[states[s[RESULT]]] || colours.other);
		// step is the distance of the axis' lines: 1, 2 or 5 of a decimal unit.
		const step = () => {
			const least = (to - from) / (width() / 90);
			const unit = 10 ** Math.floor(Math.log10(least));
			return [1, 2, 5, 10].map((n) => n * unit).find((n) => n >= least);
		};
		const time = (micros) => (micros < 1e6 ? +(micros / 1000).toPrecision(6) + " ms" : +(micros / 1e6).toPrecision(6) + " s");
		const draw = () => {
			waiting = false;
			const ratio = devicePixelRatio || 1, w = box.clientWidth, h = Math.min(box.clientHeight, height);
			if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
				canvas.width = Math.round(w * ratio);
				canvas.height = Math.round(h * ratio);
				canvas.style.width = w + "px";
				canvas.style.height = h + "px";
				spacer.style.marginTop = -h + "px";
			}
			const c = canvas.getContext("2d");
			c.setTransform(ratio, 0, 0, ratio, 0, 0);
			c.clearRect(0, 0, w, h);
			c.font = "11px system-ui, sans-serif";
			c.textBaseline = "middle";
			const scrolled = box.scrollTop;
			c.save();
			c.beginPath();
			c.rect(GUTTER, AXIS, w - GUTTER, h - AXIS);
			c.clip();
			c.fillStyle = colours.line;
			const distance = step(), first = Math.ceil(from / distance) * distance;
			for (let at = first; at <= to; at += distance) c.fillRect(Math.round(xOf(at)), 0, 1, h);
			for (const t of tracks) {
				const top = t.top - scrolled;
				if (top + t.depth * ROW < 0 || top > h) continue;
				const drawn = []; // by depth: where the last span ended
				for (const i of t.spans) {
					const s = spans[i];
					if (s[FROM] > to || s[TO] < from) continue;
					const left = Math.max(xOf(s[FROM]), GUTTER - 2), right = Math.min(Math.max(xOf(s[TO]), xOf(s[FROM]) + 1), w + 2);
					if (right <= (drawn[s[DEPTH]] ?? -1) && i !== chosen) continue;
					drawn[s[DEPTH]] = Math.ceil(right);
					const y = top + s[DEPTH] * ROW;
					c.fillStyle = colourOf(s);
					c.fillRect(left, y, Math.max(right - left - (right - left > 4 ? 1 : 0), 1), ROW - 2);
					if (s[CRITICAL]) {
						c.fillStyle = colours.fg;
						c.fillRect(left, y + ROW - 4, right - left, 2);
					}
					if (right - left > 36) {
						c.save();
						c.beginPath();
						c.rect(left, y, right - left - 4, ROW);
						c.clip();
						c.fillStyle = colours.bg;
						c.fillText(s[LABEL], left + 4, y + ROW / 2 - 1);
						c.restore();
					}
					if (i === chosen) {
						c.strokeStyle = colours.fg;
						c.lineWidth = 2;
						c.strokeRect(left, y, Math.max(right - left - 1, 2), ROW - 2);
					}
				}
				for (const m of t.marks) {
					const x = xOf(m[0]);
					c.fillStyle = m[1] === "leak" ? colours.leaked : colours.interrupted;
					c.beginPath();
					c.moveTo(x, top);
					c.lineTo(x + 5, top + 8);
					c.lineTo(x - 5, top + 8);
					c.fill();
					if (m[1] !== "leak") c.fillRect(x, 0, 1, h);
				}
			}
			c.restore();
			c.fillStyle = colours.bg;
			c.fillRect(0, 0, w, AXIS);
			c.fillStyle = colours.muted;
			for (let at = first; at <= to; at += distance) c.fillText(time(at), xOf(at) + 4, AXIS / 2);
			c.save();
			c.beginPath();
			c.rect(0, AXIS, GUTTER - 4, h);
			c.clip();
			let group = "";
			for (const t of tracks) {
				if (t.group !== group) {
					c.fillStyle = colours.line;
					c.fillRect(0, t.top - scrolled - 3, GUTTER, 1);
					c.fillStyle = colours.muted;
					c.fillText(t.group, 10, t.top - scrolled + ROW / 2 - 1);
				}
				group = t.group;
			}
			c.restore();
			c.fillStyle = colours.line;
			c.fillRect(0, AXIS - 1, w, 1);
		};
		const redraw = () => {
			if (waiting) return;
			waiting = true;
			requestAnimationFrame(draw);
		};
		const view = (a, b) => {
			const length = Math.min(Math.max(b - a, 50), whole);
			from = Math.max(0, Math.min(a, whole - length));
			to = from + length;
			box.dataset.view = Math.round(from) + "-" + Math.round(to);
			redraw();
		};
		const zoom = (factor, at = (from + to) / 2) => view(at - (at - from) * factor, at + (to - at) * factor);
		const describe = (s) => [
			s[LABEL], kinds[s[KIND]], ...(s[RESULT] < 0 ? [] : [states[s[RESULT]]]), took((s[TO] - s[FROM]) / 1000),
			"from " + time(s[FROM]) + " to " + time(s[TO]), ...(s[CRITICAL] ? ["on the critical path"] : []),
		].join(" · ");
		const choose = (i) => {
			chosen = i;
			if (i >= 0) status.textContent = describe(spans[i]);
			redraw();
		};
		const show = (i) => {
			const s = spans[i];
			if (s[FROM] < from || s[FROM] > to) view(s[FROM] - (to - from) / 2, s[FROM] + (to - from) / 2);
			const top = tracks[s[TRACK]].top + s[DEPTH] * ROW;
			if (top < box.scrollTop + AXIS) box.scrollTop = top - AXIS;
			if (top + ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW - box.clientHeight;
			choose(i);
		};
		const openChosen = () => {
			const row = chosen < 0 ? undefined : rowOf(spans[chosen]);
			if (row !== undefined) openTest(row);
		};
		const find = (e) => {
			const r = canvas.getBoundingClientRect();
			const at = atOf(e.clientX - r.left), y = e.clientY - r.top + box.scrollTop, slack = (to - from) / width() * 2;
			const t = tracks.findLast((t) => t.top <= y);
			if (!t || e.clientX - r.left < GUTTER) return -1;
			const mark = t.marks.find((m) => Math.abs(xOf(m[0]) - xOf(at)) < 6);
			if (mark) status.textContent = mark[1] + " · " + mark[2] + " · at " + time(mark[0]);
			const depth = Math.floor((y - t.top) / ROW);
			return mark ? -1 : t.spans.findLast((i) => spans[i][DEPTH] === depth && spans[i][FROM] - slack <= at && at <= spans[i][TO] + slack) ?? -1;
		};

		let drag = null;
		canvas.addEventListener("pointerdown", (e) => {
			drag = { x: e.clientX, from, to, moved: false };
			canvas.setPointerCapture(e.pointerId);
		});
		canvas.addEventListener("pointermove", (e) => {
			if (!drag) return choose(find(e));
			const by = (drag.x - e.clientX) / width() * (drag.to - drag.from);
			if (Math.abs(drag.x - e.clientX) > 3) drag.moved = true;
			if (drag.moved) view(drag.from + by, drag.to + by);
		});
		canvas.addEventListener("pointerup", (e) => {
			const clicked = drag && !drag.moved;
			drag = null;
			if (clicked) {
				choose(find(e));
				openChosen();
			}
		});
		canvas.addEventListener("wheel", (e) => {
			if (e.ctrlKey || e.metaKey) zoom(Math.exp(e.deltaY * 0.004), atOf(e.clientX - canvas.getBoundingClientRect().left));
			else if (Math.abs(e.deltaX) > Math.abs(e.deltaY)) view(from + e.deltaX / width() * (to - from), to + e.deltaX / width() * (to - from));
			else return;
			e.preventDefault();
		}, { passive: false });
		box.addEventListener("keydown", (e) => {
			if (e.ctrlKey || e.metaKey || e.altKey) return;
			const by = (to - from) / 10;
			const keys = {
				ArrowLeft: () => view(from - by, to - by), ArrowRight: () => view(from + by, to + by),
				"+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: () => view(0, whole),
				ArrowDown: () => show(Math.min(chosen + 1, spans.length - 1)), ArrowUp: () => show(Math.max(chosen - 1, 0)),
				Enter: openChosen,
			};
			if (!keys[e.key]) return;
			keys[e.key]();
			e.preventDefault();
		});
		byID("zoom-in").addEventListener("click", () => zoom(0.5));
		byID("zoom-out").addEventListener("click", () => zoom(2));
		byID("zoom-all").addEventListener("click", () => view(0, whole));
		box.addEventListener("scroll", redraw, { passive: true });
		new ResizeObserver(redraw).observe(box);
		matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); redraw(); });
		readColours();
		view(0, whole);
	};
	if (data.timeline.spans.length > 0) {
		byID("timeline").hidden = false;
		drawTimeline(data.timeline);
	}

	byID("controls").hidden = false;
	byID("tests").hidden = tests.length === 0;
	update();
	document.documentElement.dataset.ready = "true";
	requestAnimationFrame(() => setTimeout(() => performance.mark("ready"))); // the first frame is there
})();
