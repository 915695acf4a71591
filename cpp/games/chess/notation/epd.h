// Positions in Extended Position Description: four fields of a FEN and operations, `bm Nf3; id "x; y";`.
#pragma once

#include <optional>
#include <string>

namespace selfplay::chess {

// The FEN of an EPD, nothing where the text is none. `hmvc` and `fmvn` are its half-move clock and its move
// number, which may also stand as a FEN has them; what else the operations say is not of the position.
// Throws InputError for an operation that is none, and for `rc` above 1, as repetitions come from moves.
std::optional<std::string> fen_of_epd(const std::string& text);

}  // namespace selfplay::chess
