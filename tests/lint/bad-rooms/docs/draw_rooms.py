# BAD: rooms.svg is not what this draws
