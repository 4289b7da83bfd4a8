// What the pages do beyond HTML. Every page works without it: a menu is a details element, a dialog is a page of its
// own, what can be copied can be selected. Nothing here decides anything; it spares steps.
"use strict";

const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
const on = (type, selector, act) => document.addEventListener(type, (event) => {
  const element = event.target.closest?.(selector);
  if (element) act(element, event);
});

// begin readies a part of the document: at the start all of it, later a dialog's content.
function begin(within) {
  all(".copy[hidden], .needs-script[hidden]", within).forEach((e) => { e.hidden = false; });
  all("time[datetime]", within).forEach((e) => {
    e.title = new Date(e.dateTime).toLocaleString(undefined, { dateStyle: "long", timeStyle: "long" });
  });
  all("input[data-must-be]", within).forEach(confirmable);
  all("form.in-row button", within).forEach((button) => { button.hidden = true; });
  all("form[data-send]", within).forEach((form) => form.requestSubmit());
}

// Menus close when something else is clicked, and on Escape, which gives the focus back.
document.addEventListener("click", (event) => {
  all("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  all("details.menu[open]").forEach((menu) => {
    menu.open = false;
    menu.querySelector("summary").focus();
  });
});

// The arrows go through the entries of an open menu.
document.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const menu = event.target.closest?.("details.menu[open]");
  if (!menu || event.target.matches("textarea, select")) return;
  const entries = all("input, a, button", menu).filter((e) => e.offsetParent);
  const to = entries.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
  entries[(to + entries.length) % entries.length]?.focus();
  event.preventDefault();
});

// The switcher's search: typing narrows the list, Enter takes the first.
on("input", "[data-narrows]", (input) => {
  const words = input.value.trim().toLocaleLowerCase();
  all("a", document.getElementById(input.dataset.narrows)).forEach((entry) => {
    entry.parentElement.hidden = !entry.textContent.toLocaleLowerCase().includes(words);
  });
});
on("keydown", "[data-narrows]", (input, event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  all("a", document.getElementById(input.dataset.narrows)).find((entry) => !entry.parentElement.hidden)?.click();
});
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("details.switcher[open]")) event.target.querySelector("input:not([hidden])")?.focus();
}, true);

// The palette finds by name what the page links to: sections, organizations, what is offered. The sections of the
// other rail are read from the page that the wheel, or the way back, leads to.
const words = (element) => (element.querySelector(".who")?.firstChild ?? element).textContent.trim().replace(/\s+/g, " ");
const found = (within, kind, selector) => all(selector, within).map((link) => ({ kind, link, words: words(link), href: link.getAttribute("href") }));
async function elsewhere() {
  const other = document.querySelector(".rail .last a, .rail .entries > a");
  if (!other) return [];
  const answer = await fetch(other.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok) return [];
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return found(page, "Page", ".rail .entries ul:not(.last) a");
}
function palette() {
  if (document.querySelector("dialog[open]")) return;
  const from = document.activeElement;
  const dialog = document.createElement("dialog");
  dialog.className = "palette";
  dialog.setAttribute("aria-label", "Go to");
  dialog.innerHTML = `<input type="text" role="combobox" aria-label="Go to" aria-expanded="true" aria-controls="palette-list" aria-autocomplete="list" autocomplete="off" spellcheck="false" placeholder="A page, an organization, an action">
    <ul role="listbox" id="palette-list" aria-label="What there is"></ul><p class="quiet" role="status"></p>`;
  const [input, list, none] = dialog.children;
  let entries = [...found(document, "Action", ".head .actions a, main .empty > a.button"), ...found(document, "Page", ".rail .entries a"),
    ...found(document, "Organization", "#places a"), ...found(document, "Account", ".rail > details:last-of-type .items a")];
  let shown = [], at = 0;
  const mark = (to) => {
    at = (to + shown.length) % (shown.length || 1);
    all("li", list).forEach((item, i) => { item.setAttribute("aria-selected", i === at); if (i === at) item.scrollIntoView({ block: "nearest" }); });
    if (shown.length) input.setAttribute("aria-activedescendant", "palette-" + at); else input.removeAttribute("aria-activedescendant");
  };
  const narrow = () => {
    const typed = input.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    shown = entries.filter((e) => typed.every((word) => (e.words + " " + e.kind).toLocaleLowerCase().includes(word))).slice(0, 50);
    list.replaceChildren(...shown.map((e, i) => {
      const item = document.createElement("li"), name = document.createElement("span"), kind = document.createElement("small");
      item.id = "palette-" + i;
      item.setAttribute("role", "option");
      name.textContent = e.words;
      kind.textContent = e.kind;
      item.append(name, kind);
      item.addEventListener("click", () => go(e));
      return item;
    }));
    list.hidden = shown.length === 0;
    none.textContent = shown.length ? "" : "Nothing has this in its name.";
    mark(0);
  };
  const go = (e) => {
    dialog.close();
    if (e.link.isConnected) e.link.click(); else location.assign(e.href);
  };
  input.addEventListener("input", narrow);
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") mark(at + 1);
    else if (event.key === "ArrowUp") mark(at - 1);
    else if (event.key === "Enter" && shown[at]) go(shown[at]);
    else if (event.key === "Escape") dialog.close();
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => { dialog.remove(); from?.focus(); });
  document.body.append(dialog);
  narrow();
  dialog.showModal();
  elsewhere().then((more) => {
    entries = entries.concat(more.filter((e) => !entries.some((known) => known.href === e.href)));
    if (at === 0) narrow();
  });
}
on("click", "[data-palette]", palette);
document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || !document.querySelector("[data-palette]")) return;
  event.preventDefault();
  palette();
});

// Copy buttons say that they did.
on("click", ".copy", async (button) => {
  const from = button.dataset.copy ?? button.parentElement.querySelector("pre").textContent;
  await navigator.clipboard.writeText(from);
  const words = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = words; }, 1500);
});

// A choice in a row offers its button once it differs.
on("change", "form.in-row select", (select) => {
  const chosen = Array.from(select.options).findIndex((option) => option.defaultSelected);
  select.form.querySelector("button").hidden = select.selectedIndex === Math.max(chosen, 0);
});

// A link to a page with a question opens it as a dialog. Where that fails, the link is followed.
on("click", "a[data-dialog]", async (link, event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  try {
    const answer = await fetch(link.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const dialog = document.createElement("dialog");
    dialog.append(...page.querySelector("main").childNodes);
    dialog.querySelector("h1").id = "dialog-title";
    dialog.setAttribute("aria-labelledby", "dialog-title");
    all("form[action='']", dialog).forEach((form) => { form.action = link.href; });
    dialog.addEventListener("close", () => { dialog.remove(); link.focus(); });
    document.body.append(dialog);
    begin(dialog);
    dialog.showModal();
    link.closest("details.menu")?.removeAttribute("open");
  } catch {
    location.assign(link.href);
  }
});
on("click", "dialog [data-cancel]", (link, event) => {
  event.preventDefault();
  link.closest("dialog").close();
});

// A typed confirmation holds the button until it is right; the server asks as well.
function confirmable(input) {
  const button = input.form.querySelector("button:not([type])");
  const judge = () => { button.disabled = input.value.trim() !== input.dataset.mustBe; };
  input.addEventListener("input", judge);
  judge();
}

// A field that is checked while it is typed says at once whether it will do.
const waiting = new WeakMap();
on("input", "input[data-check]", (input) => {
  clearTimeout(waiting.get(input));
  waiting.set(input, setTimeout(async () => {
    const asked = input.value;
    const say = document.getElementById(input.id + "-check");
    if (asked.trim() === "") { say.textContent = ""; return; }
    const answer = await fetch(input.dataset.check + encodeURIComponent(asked)).catch(() => null);
    if (!answer?.ok || input.value !== asked) return;
    const { good, words } = await answer.json();
    say.textContent = words;
    say.className = good ? "help good" : "help bad";
  }, 250));
});

// A form is sent once, however often its button is pressed. Coming back with the back button frees it.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
});
addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => { delete form.dataset.sent; }));

// A toast goes by itself, unless it offers something or somebody is at it.
on("click", ".toast [data-close]", (button) => button.closest(".toast").remove());
const toast = document.querySelector(".toast");
if (toast && !toast.querySelector("a, form")) {
  const go = () => { if (toast.matches(":hover, :focus-within")) setTimeout(go, 2000); else toast.remove(); };
  setTimeout(go, 8000);
}

begin(document);
