#include "games/go/board/geometry.h"

#include <string>
#include <utility>

#include "core/random.h"

namespace selfplay::go {

namespace {

constexpr std::uint64_t kKeySeed = 0x676f;

}  // namespace

Geometry::Geometry(int columns, int rows) : columns(columns), rows(rows), points(columns * rows) {
  for (const int side : {columns, rows}) {
    if (side < kMinSide || side > kMaxSide) {
      throw InputError("board of " + std::to_string(columns) + "x" + std::to_string(rows) +
                       ": give sides from 2 to 25");
    }
  }
  make_neighbours();
  make_symmetries();
  make_keys();
}

void Geometry::make_neighbours() {
  for (int point = 0; point < points; ++point) {
    const int row = point / columns, column = point % columns;
    all.set(point);
    if (column > 0) not_first_column.set(point);
    if (column + 1 < columns) not_last_column.set(point);
    neighbours.push_back({static_cast<std::uint16_t>(row > 0 ? point - columns : points),
                          static_cast<std::uint16_t>(column > 0 ? point - 1 : points),
                          static_cast<std::uint16_t>(column + 1 < columns ? point + 1 : points),
                          static_cast<std::uint16_t>(row + 1 < rows ? point + columns : points)});
  }
}

void Geometry::make_symmetries() {
  const int count = columns == rows ? 8 : 4;
  for (int turn = 0; turn < count; ++turn) {
    Symmetry symmetry;
    symmetry.cells.resize(static_cast<std::size_t>(points));
    for (int point = 0; point < points; ++point) {
      int row = point / columns, column = point % columns;
      if (turn & 1) column = columns - 1 - column;
      if (turn & 2) row = rows - 1 - row;
      if (turn & 4) std::swap(row, column);
      const int turned = row * columns + column;
      symmetry.actions.push_back(turned);
      symmetry.cells[static_cast<std::size_t>(turned)] = point;
    }
    symmetry.actions.push_back(points);
    symmetries.push_back(std::move(symmetry));
  }
}

void Geometry::make_keys() {
  for (std::uint64_t mark = 0; mark < kMarks; ++mark) {
    for (std::size_t point = 0; point < static_cast<std::size_t>(points); ++point) {
      TurnedHash key;
      for (std::size_t turn = 0; turn < symmetries.size(); ++turn) {
        const auto turned = static_cast<std::uint64_t>(symmetries[turn].actions[point]);
        key.of[turn] = derive_seed(kKeySeed, {mark, turned});
      }
      mark_keys[mark].push_back(key);
    }
  }
  for (std::size_t point = 0; point < static_cast<std::size_t>(points); ++point) {
    stone_keys.push_back({mark_keys[kBlackStone][point].of[0], mark_keys[kWhiteStone][point].of[0]});
  }
}

}  // namespace selfplay::go
