"""A real browser on the auditor's page: Debian's Chromium, without a window."""
import contextlib
import os
import shutil

from selenium import webdriver
from selenium.common.exceptions import NoAlertPresentException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys  # noqa: F401 (for those who import this module)

from harness import SLOW, wait_until

DESKTOP, PHONE = (1280, 800), (360, 740)

# Every text on show whose contrast with its ground is below WCAG AA's 4.5 : 1, and every icon below 3 : 1.
CONTRAST = r"""
const pen = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d", {willReadFrequently: true});
const rgba = (color) => { pen.clearRect(0, 0, 1, 1); pen.fillStyle = color; pen.fillRect(0, 0, 1, 1); return [...pen.getImageData(0, 0, 1, 1).data]; };
const over = (top, under) => top.slice(0, 3).map((part, n) => part * top[3] / 255 + under[n] * (1 - top[3] / 255));
const light = (color) => color.map((part) => part / 255).map((part) => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4)
	.reduce((sum, part, n) => sum + part * [.2126, .7152, .0722][n], 0);
const ground = (node) => node ? over(rgba(getComputedStyle(node).backgroundColor), ground(node.parentElement)) : [255, 255, 255];
const found = [];
for (const node of document.querySelectorAll("body *")) {
	const style = getComputedStyle(node), isIcon = node.matches("svg.icon, .bar");
	const hasText = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
	if (!(hasText || isIcon) || !node.checkVisibility() || node.closest("[aria-disabled], noscript, title")) continue;
	const color = node.namespaceURI.endsWith("svg") && !isIcon ? style.fill : node.matches(".bar") ? style.stroke : style.color;
	const under = ground(node.closest("svg")?.parentElement ?? node);
	const [a, b] = [light(over(rgba(color), under)), light(under)].sort((x, y) => y - x);
	const contrast = (a + .05) / (b + .05);
	if (contrast < (isIcon ? 3 : 4.5)) found.push(`${contrast.toFixed(2)} ${node.nodeName}.${node.getAttribute("class")} ${node.textContent.slice(0, 30)}`);
}
return [...new Set(found)];
"""


@contextlib.contextmanager
def chromium():
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    arguments = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--force-color-profile=srgb"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium refuses its sandbox to root
    for argument in arguments:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
    try:
        yield driver
    finally:
        driver.quit()


class Page:
    """The page at one address. Waits have a deadline and say what they waited for."""

    def __init__(self, driver, url):
        self.driver, self.url = driver, url
        driver.set_script_timeout(10 * SLOW)

    def look(self, size=DESKTOP, theme="light"):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": theme}, {"name": "prefers-reduced-motion", "value": "reduce"}]})

    def load(self, view=""):
        """As if the address had just been typed."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.url}#/{view}")
        self.settled()

    def go(self, view=""):
        """Within the page, as a link does."""
        self.js("location.hash = arguments[0]", f"#/{view}")
        self.settled()

    def settled(self):
        self.wait("the view to be read", lambda: self.js("return document.querySelector('main').ariaBusy === 'false'"))

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, what, condition, deadline=15):
        def tried():
            try:
                return condition()
            except StaleElementReferenceException:
                return None
        try:
            return wait_until(what, tried, deadline)
        except AssertionError as error:
            raise AssertionError(f"{error}\nat {self.driver.current_url}:\n{self.text()[:3000]}") from None

    def wait_text(self, words, selector="main", deadline=15):
        return self.wait(f"'{words}' in {selector}", lambda: any(words in text for text in self.texts(selector)), deadline)

    def text(self, selector="main"):
        return "\n".join(self.texts(selector))

    def texts(self, selector):
        return self.js("return [...document.querySelectorAll(arguments[0])].map((node) => node.innerText)", selector)

    def count(self, selector):
        return self.js("return document.querySelectorAll(arguments[0]).length", selector)

    def row(self, words, table=""):
        """The text of the first row that has these words, in tables whose name begins so."""
        tables = f"table[aria-label^='{table}']" if table else "table"
        return next((text for text in self.texts(f"{tables} tbody tr") if words in text), None)

    def click(self, selector):
        self.wait(f"{selector} to click", lambda: self.driver.find_elements(By.CSS_SELECTOR, selector))[0].click()

    def press(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def focused(self):
        """What has the focus, in words."""
        return self.js("const node = document.activeElement; return node.ariaLabel ?? node.innerText ?? node.nodeName")

    def screenshot(self, path):
        assert self.driver.save_screenshot(str(path))

    def overflow(self):
        """How far the page is wider than its window."""
        return self.js("return document.documentElement.scrollWidth - innerWidth")

    def low_contrast(self):
        return self.js(CONTRAST)

    def has_dialog(self):
        try:
            return bool(self.driver.switch_to.alert)
        except NoAlertPresentException:
            return False

    def complaints(self):
        """What the browser's console has of errors and warnings since it was last asked: violations of the policy too."""
        return [f"{entry['level']} {entry['message']}" for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
