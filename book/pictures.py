"""Take pictures for README and front page from the chapters: ``make pictures``.

They are figures of the book as it was last built, so build it on the real data first.
"""

from __future__ import annotations

import base64
import io
import re
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]

# Picture: (page, how the figure's alt text begins).
PICTURES = {
    "hero.png": ("autoencoder.html", "A 12 by 12 grid of decoded images"),
    "halfway.png": ("autoencoder.html", "Five rows of T-shirts"),
}


def main() -> None:
    for name, (page, alt) in PICTURES.items():
        text = (ROOT / "_build" / "html" / page).read_text(encoding="utf-8")
        if re.search(r'class="data-source">[^<]*drawn stand-in', text):
            sys.exit(f"{page} was built on the stand-in; set LATENTSPACES_DATA first")
        pattern = rf'<img alt="{re.escape(alt)}[^>]*base64,([^"]+)"'
        found = re.search(pattern, text)
        if not found:
            sys.exit(f"{page} has no figure whose alt text begins with {alt!r}")
        picture = Image.open(io.BytesIO(base64.b64decode(found[1])))
        # Few greys are enough, and a picture that git keeps should be small.
        picture.convert("L").quantize(64).save(
            ROOT / "book" / "_static" / name, optimize=True
        )
        print(f"book/_static/{name} from {page}")


if __name__ == "__main__":
    main()
