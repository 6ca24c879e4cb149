"""What the camera will see: geometry pass, shading, compositing, optics, display.

`terraluna.render.frame.render_frame` draws one frame; nothing is imported here, so that the compiled kernels load only
when a picture is wanted.
"""
