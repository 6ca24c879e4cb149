"""From radiance factors to numbers: what a camera makes of a rendered scene.

The room takes I/F pictures (``render``), a camera (``camera``) and sunlight (``photometry``), and gives electrons and
DN. Every random draw comes from an explicit seed, and the same seed gives the same frame on any number of threads.
"""
