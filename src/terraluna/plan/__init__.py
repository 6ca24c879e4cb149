"""When to take a group photo: event windows, framing, exposure, probability, downlink."""
