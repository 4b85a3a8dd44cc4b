"""Little physical worlds whose contacts are known exactly.

Each scene is a function (random, seconds) -> Scene.  Strength is the speed at contact over the greatest of the
clip, weighted where a part is small.
"""

from contactless import passing, still  # noqa: F401 (scenes like the others, for who asks for them by name)
from free_motion import bouncing_ball, falling_boxes, pendulum, ping_pong, sliding_puck
from strokes import chopping, clapping, door_slam, drum_sticks, foot_taps, gong, hammer, typing, walking

# In this order, which decides what each clip of a set looks like.
EVENTFUL = [bouncing_ball, hammer, gong, pendulum, falling_boxes, drum_sticks, foot_taps, walking,
            chopping, door_slam, ping_pong, typing, clapping, sliding_puck]
