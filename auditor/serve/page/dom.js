// Builds elements, and patches those on show to look like newly built ones.
//
// What the server sends is hostile: package names and error texts are whatever someone put into a topic. Here they
// become text nodes and attribute values, never markup, and characters that would hide or turn text are shown instead.

const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]/g;

/** Control characters, direction marks and other invisible ones as their code: ⟨202E⟩. */
export function visible(text) {
	return String(text).replace(HIDDEN, (char) => `⟨${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

function build(node, attributes, children) {
	for (const [name, value] of Object.entries(attributes ?? {})) {
		if (value === undefined || value === null || value === false) continue;
		if (name === "key") node.key = value;
		else if (typeof value === "function") listen(node, name, value);
		else if (name === "href" && !value.startsWith("#/")) throw new Error(`a link may only lead to a view: ${value}`);
		else node.setAttribute(name, value === true ? "" : visible(value));
	}
	for (const child of children.flat(Infinity)) {
		if (child === undefined || child === null || child === false || child === "") continue;
		node.append(child instanceof Node ? child : visible(child));
	}
	return node;
}

/** h("a", {href: "#/", onclick: act}, "text", [more]): `key` names a child among its siblings across patches. */
export function h(tag, attributes, ...children) {
	return build(document.createElement(tag), attributes, children);
}

/** The same in SVG's name space. */
export function svg(tag, attributes, ...children) {
	return build(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function listen(node, name, handler) {
	node[name] = handler;
	(node.handlers ??= new Set()).add(name);
}

/** Makes `old` look like `fresh` with as few changes as there are, so that focus, selection and scrolling stay. */
export function patch(old, fresh) {
	const focused = document.activeElement;
	patchNode(old, fresh);
	if (focused === document.activeElement || focused === document.body) return;
	if (focused.isConnected) focused.focus({preventScroll: true});
	else document.getElementById("main").focus({preventScroll: true});
}

function patchNode(old, fresh) {
	if (old.nodeName !== fresh.nodeName || old.key !== fresh.key) return old.replaceWith(fresh);
	if (old.nodeType === Node.TEXT_NODE) {
		if (old.data !== fresh.data) old.data = fresh.data;
		return;
	}
	patchAttributes(old, fresh);
	for (const name of old.handlers ?? []) if (!fresh.handlers?.has(name)) old[name] = null;
	for (const name of fresh.handlers ?? []) listen(old, name, fresh[name]);
	patchChildren(old, fresh);
	if (old.nodeName === "INPUT" && old !== document.activeElement) old.value = fresh.value;
	if (old.nodeName === "SELECT") old.value = fresh.value;
}

function patchAttributes(old, fresh) {
	for (const {name} of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
	for (const {name, value} of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
}

function patchChildren(old, fresh) {
	const wanted = [...fresh.childNodes];
	const keys = new Set(wanted.map((node) => node.key));
	const keyed = new Map();
	for (const node of [...old.childNodes]) {
		if (node.key === undefined) continue;
		if (keys.has(node.key)) keyed.set(node.key, node);
		else node.remove();
	}
	let at = old.firstChild;
	for (const want of wanted) {
		const have = want.key === undefined ? at : keyed.get(want.key);
		if (!have || have.key !== want.key) old.insertBefore(want, at);
		else if (have === at) {
			at = at.nextSibling;
			patchNode(have, want);
		} else {
			old.insertBefore(have, at);
			patchNode(have, want);
		}
	}
	while (at) {
		const next = at.nextSibling;
		at.remove();
		at = next;
	}
}
