"""Takes screenshots of the built site, for a person to look at. Run by `nox -s screenshots`.

It also checks, without a server, that no page sends a request to another host, is wider than the
screen, or logs an error on the console, and that the search finds a page.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, Request, sync_playwright

ROOT: Final = Path(__file__).parents[1]
SITE: Final = ROOT / "site"
PICTURES: Final = ROOT / "site-pictures"
WIDTHS: Final = {"wide": 1280, "narrow": 390}


def main() -> None:
    """Takes the screenshots, and exits with the problems found, if any."""
    shutil.rmtree(PICTURES, ignore_errors=True)
    with sync_playwright() as playwright:
        # The system's Chromium; without one, the Chromium that `playwright install chromium` has installed.
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        problems = [
            problem
            for name, width in WIDTHS.items()
            for page in sorted(SITE.glob("*.html"))
            if page.stem != "404"  # its links start at the root of a server
            for problem in check_page(browser, page, name, width)
        ]
        problems += check_search(browser)
        browser.close()
    sys.stdout.write(f"{len(list(PICTURES.iterdir()))} screenshots are in {PICTURES.name}/\n")
    if problems:
        sys.exit("\n".join(problems))


def check_page(browser: Browser, file: Path, name: str, width: int) -> list[str]:
    """Takes a screenshot of the whole page. Returns the problems of the page."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    problems = collect_problems(page, file.name)
    page.goto(file.as_uri())
    if (actual := page.evaluate("document.documentElement.scrollWidth")) > width:
        problems.append(f"{file.name}: {actual} pixels wide on a screen of {width} pixels")
    page.screenshot(path=PICTURES / f"{file.stem}-{name}.png", full_page=True)
    page.close()
    return problems


def collect_problems(page: Page, name: str) -> list[str]:
    """A list that will get all problems of a page from now on."""
    problems: list[str] = []

    def check_request(request: Request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            problems.append(f"{name}: sends a request to {request.url}")

    page.on("request", check_request)
    page.on("pageerror", lambda error: problems.append(f"{name}: {error}"))
    page.on("console", lambda message: problems.append(f"{name}: {message.text}") if message.type == "error" else None)
    return problems


def check_search(browser: Browser) -> list[str]:
    """Searches as a reader does, with dark colours. Returns the problems."""
    page = browser.new_page(viewport={"width": WIDTHS["wide"], "height": 900}, color_scheme="dark")
    problems = collect_problems(page, "search")
    page.goto((SITE / "index.html").as_uri())
    page.get_by_role("textbox", name="Search").click()
    page.keyboard.type("WaitTimeout")
    page.locator(".md-search-result__item").first.wait_for()
    page.screenshot(path=PICTURES / "search-dark.png")
    page.close()
    return problems


if __name__ == "__main__":
    main()
