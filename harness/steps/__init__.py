"""One update of both networks, a pure function, and the ways of executing it: plain, replayed, compiled, captured."""
