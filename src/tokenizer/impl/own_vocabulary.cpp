// CLIP's own vocabulary (OpenAI, MIT licence, assets/vocabulary), taken into the program as it is.
#include "tokenizer/impl/vocabulary.h"

#ifdef __APPLE__
#define QPROMPT_RODATA ".section __TEXT,__const\n"
#define QPROMPT_SYMBOL(name) "_" name
#else
#define QPROMPT_RODATA ".section .rodata\n"
#define QPROMPT_SYMBOL(name) name
#endif

// The assembler copies the file; a byte array in source text would be five times its size.
__asm__(QPROMPT_RODATA
        ".globl " QPROMPT_SYMBOL("qprompt_own_vocabulary") "\n" QPROMPT_SYMBOL(
            "qprompt_own_vocabulary") ":\n"
        ".incbin \"" QPROMPT_OWN_VOCABULARY "\"\n"
        ".globl " QPROMPT_SYMBOL("qprompt_own_vocabulary_end") "\n" QPROMPT_SYMBOL(
            "qprompt_own_vocabulary_end") ":\n"
        ".byte 0\n"
        ".text\n");

extern "C" const char qprompt_own_vocabulary[];
extern "C" const char qprompt_own_vocabulary_end[];

namespace qprompt::tokenizer {

std::string_view own_vocabulary() {
  return {qprompt_own_vocabulary,
          static_cast<size_t>(qprompt_own_vocabulary_end - qprompt_own_vocabulary)};
}

}  // namespace qprompt::tokenizer
