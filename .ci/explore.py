"""Drives a browser over the WebDriver protocol through a page of `brolga explore`.

    explore.py PAGE SCREENSHOT FOLDER

The page is that of tests/programs/lines.wasm. FOLDER is for the browser's own files.
"""

import base64
import json
import os
import subprocess
import sys
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """A browser without a window."""

    def __init__(self, folder):
        environment = dict(os.environ, HOME=folder, TMPDIR=folder)
        command = ["chromedriver", "--port=0"]
        self.driver = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        for line in self.driver.stdout:
            if "started successfully on port" in line:
                self.base = "http://127.0.0.1:" + line.split()[-1].rstrip(".")
                break
        options = {
            "binary": "/usr/bin/chromium",
            "args": [
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--force-color-profile=srgb",
                "--window-size=1500,900",
                "--user-data-dir=" + os.path.join(folder, "profile"),
            ],
        }
        capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
        capabilities["alwaysMatch"]["goog:loggingPrefs"] = {"browser": "ALL"}
        made = self.ask("POST", "/session", {"capabilities": capabilities})
        self.base += "/session/" + made["sessionId"]

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path}: {error.read().decode()}")

    def find(self, selector):
        query = {"using": "css selector", "value": selector}
        return self.ask("POST", "/element", query)[ELEMENT]

    def click(self, selector):
        self.ask("POST", f"/element/{self.find(selector)}/click", {})

    def point_at(self, selector):
        move = {"type": "pointerMove", "x": 0, "y": 0, "origin": {ELEMENT: self.find(selector)}}
        mouse = {"type": "pointer", "id": "mouse", "actions": [move]}
        self.ask("POST", "/actions", {"actions": [mouse]})

    def type_in(self, selector, text):
        self.ask("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def evaluate(self, script):
        return self.ask("POST", "/execute/sync", {"script": "return " + script, "args": []})

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.ask("GET", "/screenshot")))

    def complaints(self):
        found = self.ask("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in found]

    def close(self):
        try:
            self.ask("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()


def lit(browser, pane):
    """The texts of the lines of `pane` that are lit."""
    script = f"[...document.querySelectorAll('#{pane} .lit .text')].map((it) => it.textContent)"
    return browser.evaluate(script)


def lines(browser, pane):
    return browser.evaluate(
        f"[...document.querySelectorAll('#{pane} .text')].map((it) => it.textContent)"
    )


def expect(what, condition, found):
    if not condition:
        raise SystemExit(f"{what}: found {found}")
    print(f"ok: {what}")


def check(browser, page, screenshot):
    browser.ask("POST", "/url", {"url": "file://" + os.path.abspath(page)})
    title = browser.evaluate("document.title")
    expect("the page has the module's name", title.startswith("lines.wasm"), title)
    names = browser.evaluate(
        "[...document.querySelectorAll('#functions .name')].map((it) => it.textContent)"
    )
    expect("all functions are listed", names == ["_start", "work", "fail"], names)

    browser.click("#functions li:nth-child(2) button")
    current = browser.evaluate("document.querySelector('[aria-current] .name').textContent")
    expect("a function that is clicked is shown", current == "work", current)
    for pane, text in [("wasm", "call $fail"), ("clif", "call fn0"), ("asm", "callq")]:
        found = lines(browser, pane)
        expect(f"{pane} shows it", any(text in line for line in found), found)

    call = browser.evaluate(
        "[...document.querySelectorAll('#wasm .row')]"
        ".find((it) => it.textContent.includes('call $fail')).dataset.operator"
    )
    expect("nothing is lit at first", lit(browser, "wasm") == [], lit(browser, "wasm"))
    browser.point_at(f"#wasm [data-operator='{call}'] .text")
    for pane, text in [("wasm", "call $fail"), ("clif", "call fn0"), ("asm", "fail>")]:
        found = lit(browser, pane)
        expect(f"pointing at the call lights it in {pane}", any(text in it for it in found), found)

    row = browser.evaluate(
        "[...document.querySelectorAll('#asm .row')]"
        ".find((it) => it.textContent.includes('movl    $0')).dataset.operator"
    )
    browser.click(f"#asm [data-operator='{row}'] .text")
    browser.point_at("header")
    found = lit(browser, "wasm")
    expect("a click on machine code keeps its operator lit", "i32.store" in found[0], found)
    colours = browser.evaluate(
        "[...document.querySelectorAll('.lit')].map((it) => getComputedStyle(it).backgroundColor)"
    )
    expect("what is lit has one colour", len(set(colours)) == 1, colours)
    browser.screenshot(screenshot)

    browser.type_in("#filter", "fai")
    visible = browser.evaluate(
        "[...document.querySelectorAll('#functions li:not([hidden]) .name')]"
        ".map((it) => it.textContent)"
    )
    expect("the filter leaves what was asked for", visible == ["fail"], visible)
    asked = browser.evaluate("performance.getEntriesByType('resource').map((it) => it.name)")
    expect("the page asks for nothing else", asked == [], asked)
    complaints = browser.complaints()
    expect("the browser has nothing to complain of", complaints == [], complaints)


def main():
    page, screenshot, folder = sys.argv[1:]
    browser = Browser(folder)
    try:
        check(browser, page, screenshot)
    finally:
        browser.close()


main()
