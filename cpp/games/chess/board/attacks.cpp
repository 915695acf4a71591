#include "games/chess/board/attacks.h"

namespace selfplay::chess {

const AttackTables kAttacks;

namespace {

// Found by trying sparse random numbers until no two sets of men with different attacks share an index.
constexpr Bitboard kBishopFactors[64] = {
    0x8010010811104200ULL, 0x0020810410808000ULL, 0x0830308600446350ULL, 0x0044104608004400ULL,
    0x0204042000288180ULL, 0xa402099008004040ULL, 0x1004140128883008ULL, 0x0002050880900800ULL,
    0x0000981004a4a400ULL, 0x80002004408a0241ULL, 0x0001888091020004ULL, 0x1518440410924010ULL,
    0x888004052100c000ULL, 0x8020008804400012ULL, 0x0000804202202008ULL, 0x00400206808c1000ULL,
    0x0010182102020812ULL, 0x00040088b8082845ULL, 0x1008011000204012ULL, 0x3108000c02418904ULL,
    0x0201008820080940ULL, 0x0042200410081808ULL, 0x00b4400404048c80ULL, 0x0118300901013002ULL,
    0x002010880aa20800ULL, 0x002808042082009cULL, 0x40448800100024e2ULL, 0x2144010010110002ULL,
    0x9891001049004000ULL, 0x0010820201010088ULL, 0x0008010212010120ULL, 0x0024230200208200ULL,
    0x010104c001101000ULL, 0x02028e2028088810ULL, 0x2301250108100400ULL, 0x52002008000d0810ULL,
    0x8000420020020080ULL, 0x0028010810010040ULL, 0x0a08094408010084ULL, 0x4142044200005a00ULL,
    0x080412201600b000ULL, 0x20142c040209a401ULL, 0x20920021f4040800ULL, 0x4040050141003802ULL,
    0x8141200a04800410ULL, 0x80c4102046000040ULL, 0x808810010200085aULL, 0x0004212202078221ULL,
    0x0011109011080500ULL, 0xa300804402201020ULL, 0x1402010a81d00090ULL, 0x0100000a84043120ULL,
    0x0140002020410000ULL, 0x00000810b9020280ULL, 0x0c0808c194040000ULL, 0x00301202005a002cULL,
    0x6001240144300808ULL, 0x0820208218020304ULL, 0x0220000042080400ULL, 0x0540404000840408ULL,
    0x24010c0512020211ULL, 0x0022806408509101ULL, 0x80a0202404580050ULL, 0x0802021004008a82ULL,
};

constexpr Bitboard kRookFactors[64] = {
    0x0c80008154400020ULL, 0x0140100040002000ULL, 0x0100082000401105ULL, 0x0880041000080081ULL,
    0x0a00048822002070ULL, 0x0080020080040001ULL, 0x0400211020820408ULL, 0x0180002080004500ULL,
    0x1010801040008020ULL, 0x0000401000402004ULL, 0x0540801000200080ULL, 0x1202001008220240ULL,
    0x4004808008000400ULL, 0x0014011008040020ULL, 0x4021000401000200ULL, 0x8082000099040442ULL,
    0x0001010020408000ULL, 0x00200140100040a0ULL, 0x01a086802000b001ULL, 0x0008008010008008ULL,
    0x0006020004102008ULL, 0x2002808004000200ULL, 0x0008040010010208ULL, 0x0000020001006094ULL,
    0x0480802080004002ULL, 0x10d0024140002010ULL, 0x9300200080100080ULL, 0x83c2100a00220040ULL,
    0x0080040080080080ULL, 0x462a040080800200ULL, 0x0004810400080210ULL, 0x0006c04200210084ULL,
    0x0020400181800122ULL, 0x0000884206002100ULL, 0x1110002400200800ULL, 0x0091120242000820ULL,
    0x0002000822001004ULL, 0x8102800200800400ULL, 0x0000080104001002ULL, 0x1040004082000104ULL,
    0x0005807040008000ULL, 0x6010004020114009ULL, 0x00b0208200420010ULL, 0x0080100100210008ULL,
    0x0308004020040400ULL, 0x04060004100a0038ULL, 0x0034040200010100ULL, 0x80001085044a0004ULL,
    0x0801208001400180ULL, 0x0010890020400500ULL, 0x0000200080100480ULL, 0x12c8080080100080ULL,
    0x1008040008008080ULL, 0x2002004408508200ULL, 0x0000800200010080ULL, 0x0000040041008200ULL,
    0x0000201100800041ULL, 0x0820130820400281ULL, 0x8000402082000812ULL, 0x0012080410010021ULL,
    0x0202880011001525ULL, 0x0102000844019002ULL, 0x0000080201009004ULL, 0x0820004081182402ULL,
};

constexpr std::size_t kSliderEntries = 5248 + 102400;  // 2 to the number of mask squares, bishops and rooks

constexpr int kSteps[8][2] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}, {1, 1}, {1, -1}, {-1, 1}, {-1, -1}};
constexpr int kLeaps[8][2] = {{1, 2}, {2, 1}, {2, -1}, {1, -2}, {-1, -2}, {-2, -1}, {-2, 1}, {-1, 2}};

bool is_inside(int file, int rank) { return file >= 0 && file < 8 && rank >= 0 && rank < 8; }

Bitboard leap(int square, const int (&step)[2]) {
  const int file = file_of(square) + step[0], rank = rank_of(square) + step[1];
  return is_inside(file, rank) ? bit(square_at(file, rank)) : 0;
}

// Squares seen from `square` in one direction, up to the first man and including it.
Bitboard ray(int square, const int (&step)[2], Bitboard occupied) {
  Bitboard seen = 0;
  for (Bitboard next = leap(square, step); next != 0; next = leap(square, step)) {
    seen |= next;
    if (occupied & next) break;
    square = lowest(next);
  }
  return seen;
}

Bitboard walk(int square, bool straight, Bitboard occupied) {
  Bitboard seen = 0;
  for (int i = straight ? 0 : 4; i < (straight ? 4 : 8); ++i) seen |= ray(square, kSteps[i], occupied);
  return seen;
}

// A man on the last square of a ray shortens nothing.
Bitboard relevant_squares(int square, bool straight) {
  const Bitboard ranks = (kRank1 | kRank1 << 56) & ~(kRank1 << (square & 56));
  const Bitboard files = (kFileA | kFileH) & ~(kFileA << file_of(square));
  return walk(square, straight, 0) & ~(ranks | files);
}

}  // namespace

AttackTables::AttackTables() : knight{}, king{}, pawn_up{}, pawn_down{}, between{}, sliders_(kSliderEntries) {
  std::size_t used = 0;
  fill_sliders(bishop, kBishopFactors, false, used);
  fill_sliders(rook, kRookFactors, true, used);
  for (int square = 0; square < 64; ++square) {
    for (int i = 0; i < 8; ++i) {
      knight[square] |= leap(square, kLeaps[i]);
      king[square] |= leap(square, kSteps[i]);
      Bitboard passed = 0;
      for (Bitboard rest = leap(square, kSteps[i]); rest != 0; rest = leap(lowest(rest), kSteps[i])) {
        between[square][lowest(rest)] = passed;
        passed |= rest;
      }
    }
    pawn_up[square] = leap(square, {-1, 1}) | leap(square, {1, 1});
    pawn_down[square] = leap(square, {-1, -1}) | leap(square, {1, -1});
  }
}

void AttackTables::fill_sliders(Magic* magics, const Bitboard* factors, bool straight, std::size_t& used) {
  for (int square = 0; square < 64; ++square) {
    const Bitboard mask = relevant_squares(square, straight);
    const int shift = 64 - std::popcount(mask);
    Bitboard* attacks = sliders_.data() + used;
    Bitboard occupied = 0;
    do {  // every subset of the mask
      attacks[(occupied * factors[square]) >> shift] = walk(square, straight, occupied);
      occupied = (occupied - mask) & mask;
    } while (occupied != 0);
    magics[square] = {mask, factors[square], attacks, shift};
    used += std::size_t{1} << std::popcount(mask);
  }
}

}  // namespace selfplay::chess
