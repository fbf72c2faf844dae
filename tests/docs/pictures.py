"""Pictures of the built site, as files, for a person to look at. Run by `nox -s screenshots`.

On the way it sees that no page asks another host for anything, is wider than the screen, or
complains on the console, and that the search finds something, all of it without a server.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, Request, sync_playwright

ROOT: Final = Path(__file__).parents[2]
SITE: Final = ROOT / "site"
PICTURES: Final = ROOT / "site-pictures"
WIDTHS: Final = {"wide": 1280, "narrow": 390}


def main() -> None:
    """Takes the pictures, and leaves with what is wrong, if anything is."""
    shutil.rmtree(PICTURES, ignore_errors=True)
    with sync_playwright() as playwright:
        # The system's own Chromium, or else the one that `playwright install chromium` has put there.
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        problems = [
            problem
            for name, width in WIDTHS.items()
            for page in sorted(SITE.glob("*.html"))
            if page.stem != "404"  # its links begin at a server's root
            for problem in look_at(browser, page, name, width)
        ]
        problems += search(browser)
        browser.close()
    sys.stdout.write(f"{len(list(PICTURES.iterdir()))} pictures lie in {PICTURES.name}/\n")
    if problems:
        sys.exit("\n".join(problems))


def look_at(browser: Browser, file: Path, name: str, width: int) -> list[str]:
    """Takes a page's picture, whole; returns what is wrong with the page."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    problems = watch(page, file.name)
    page.goto(file.as_uri())
    if (actual := page.evaluate("document.documentElement.scrollWidth")) > width:
        problems.append(f"{file.name}: {actual} pixels wide on a screen of {width}")
    page.screenshot(path=PICTURES / f"{file.stem}-{name}.png", full_page=True)
    page.close()
    return problems


def watch(page: Page, name: str) -> list[str]:
    """What will be wrong with a page, from now on."""
    problems: list[str] = []

    def requested(request: Request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            problems.append(f"{name}: asks for {request.url}")

    page.on("request", requested)
    page.on("pageerror", lambda error: problems.append(f"{name}: {error}"))
    page.on("console", lambda said: problems.append(f"{name}: {said.text}") if said.type == "error" else None)
    return problems


def search(browser: Browser) -> list[str]:
    """Searches as a reader does, in the dark; returns what is wrong."""
    page = browser.new_page(viewport={"width": WIDTHS["wide"], "height": 900}, color_scheme="dark")
    problems = watch(page, "search")
    page.goto((SITE / "index.html").as_uri())
    page.get_by_role("textbox", name="Search").click()
    page.keyboard.type("WaitTimeout")
    page.locator(".md-search-result__item").first.wait_for()
    page.screenshot(path=PICTURES / "search-dark.png")
    page.close()
    return problems


if __name__ == "__main__":
    main()
