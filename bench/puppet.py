"""What drawing costs: milliseconds of CPU for each picture, of every avatar at every size.

`python bench/puppet.py [avatar ...]`. The reference, in the same run, is copying the whole picture
once. `drawn` is the share of pictures in which anything changed, `area` that of all pixels.
"""

from __future__ import annotations

import json
import sys
import time
from random import Random

import numpy as np

from greenroom.avatar.formats import FORMATS
from greenroom.avatar.motion.motion import Motion
from greenroom.avatar.packs.library import AvatarLibrary
from greenroom.avatar.packs.pack import load_pack
from greenroom.avatar.ports import Activity, Pose
from greenroom.avatar.puppet.puppet import SkiaPuppet
from greenroom.avatar.visemes import VISEMES, at_rest

ACTIVITIES: tuple[Activity, ...] = ("speaking", "listening", "idle")
SECONDS = 30.0


def poses(activity: Activity, rate: int) -> list[Pose]:
    """Half a minute of an avatar; when it speaks, a new mouth shape eight times a second."""
    random, motion, weights = Random(1), Motion(1), at_rest()
    result = []
    goal = weights
    for number in range(int(SECONDS * rate)):
        if activity == "speaking":
            if number % (rate // 8) == 0:
                goal = np.eye(len(VISEMES), dtype=np.float32)[random.randrange(len(VISEMES))]
            weights = (0.5 * weights + 0.5 * goal).astype(np.float32)
        loudness = random.uniform(-35, -15) if activity == "speaking" else -90.0
        result.append(motion.step(1 / rate, weights, loudness, activity, ()))
    return result


def main() -> None:
    library = AvatarLibrary(None)
    for avatar in sys.argv[1:] or library.ids():
        pack = load_pack(library.find(avatar))
        for quality, form in FORMATS.items():
            began = time.process_time()
            puppet = SkiaPuppet(pack, form.width, form.height)
            puppet.draw(Pose())
            loading = time.process_time() - began
            for activity in ACTIVITIES:
                wanted = poses(activity, form.rate)
                for pose in wanted[: len(wanted) // 2]:  # the rasters' shifts are made on demand
                    puppet.draw(pose)
                drawn = area = 0
                began = time.process_time()
                for pose in wanted:
                    rects = puppet.draw(pose)
                    drawn += bool(rects)
                    area += sum((right - x) * (bottom - y) for x, y, right, bottom in rects)
                spent = time.process_time() - began
                other = np.empty_like(puppet.pixels)
                began = time.process_time()
                for _ in range(200):
                    np.copyto(other, puppet.pixels)
                copying = (time.process_time() - began) / 200
                count = len(wanted)
                result = {
                    "bench": "puppet", "avatar": avatar, "quality": quality, "activity": activity,
                    "ms_per_picture": round(spent / count * 1e3, 3),
                    "copies": round(spent / count / copying, 1),
                    "drawn": round(drawn / count, 3),
                    "area": round(area / count / form.width / form.height, 3),
                    "loading_s": round(loading, 2),
                }  # fmt: skip
                print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
