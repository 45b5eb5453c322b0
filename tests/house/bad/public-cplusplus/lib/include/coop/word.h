#ifdef __cplusplus
extern "C" {
#endif
int coop_word(int class);
#ifdef __cplusplus
}
#endif
