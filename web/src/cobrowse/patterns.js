// Generated from server/cobrowse/patterns.py by `python -m server.cobrowse.generate`. Do not edit.

export const STARS = "\u2022\u2022\u2022\u2022\u2022\u2022\u2022\u2022";

export const LONG = 9;

export const BETWEEN = 3;

export const LONG_CELLS = 11;

export const MOST_DIGITS = 19;

export const MOST_APART = 8;

export const DIGITS = "0123456789\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669\u06f0\u06f1\u06f2\u06f3\u06f4\u06f5\u06f6\u06f7\u06f8\u06f9\u07c0\u07c1\u07c2\u07c3\u07c4\u07c5\u07c6\u07c7\u07c8\u07c9\u0966\u0967\u0968\u0969\u096a\u096b\u096c\u096d\u096e\u096f\u09e6\u09e7\u09e8\u09e9\u09ea\u09eb\u09ec\u09ed\u09ee\u09ef\u0a66\u0a67\u0a68\u0a69\u0a6a\u0a6b\u0a6c\u0a6d\u0a6e\u0a6f\u0ae6\u0ae7\u0ae8\u0ae9\u0aea\u0aeb\u0aec\u0aed\u0aee\u0aef\u0b66\u0b67\u0b68\u0b69\u0b6a\u0b6b\u0b6c\u0b6d\u0b6e\u0b6f\u0be6\u0be7\u0be8\u0be9\u0bea\u0beb\u0bec\u0bed\u0bee\u0bef\u0c66\u0c67\u0c68\u0c69\u0c6a\u0c6b\u0c6c\u0c6d\u0c6e\u0c6f\u0ce6\u0ce7\u0ce8\u0ce9\u0cea\u0ceb\u0cec\u0ced\u0cee\u0cef\u0d66\u0d67\u0d68\u0d69\u0d6a\u0d6b\u0d6c\u0d6d\u0d6e\u0d6f\u0de6\u0de7\u0de8\u0de9\u0dea\u0deb\u0dec\u0ded\u0dee\u0def\u0e50\u0e51\u0e52\u0e53\u0e54\u0e55\u0e56\u0e57\u0e58\u0e59\u0ed0\u0ed1\u0ed2\u0ed3\u0ed4\u0ed5\u0ed6\u0ed7\u0ed8\u0ed9\u0f20\u0f21\u0f22\u0f23\u0f24\u0f25\u0f26\u0f27\u0f28\u0f29\u1040\u1041\u1042\u1043\u1044\u1045\u1046\u1047\u1048\u1049\u1090\u1091\u1092\u1093\u1094\u1095\u1096\u1097\u1098\u1099\u17e0\u17e1\u17e2\u17e3\u17e4\u17e5\u17e6\u17e7\u17e8\u17e9\u1810\u1811\u1812\u1813\u1814\u1815\u1816\u1817\u1818\u1819\u1946\u1947\u1948\u1949\u194a\u194b\u194c\u194d\u194e\u194f\u19d0\u19d1\u19d2\u19d3\u19d4\u19d5\u19d6\u19d7\u19d8\u19d9\u1a80\u1a81\u1a82\u1a83\u1a84\u1a85\u1a86\u1a87\u1a88\u1a89\u1a90\u1a91\u1a92\u1a93\u1a94\u1a95\u1a96\u1a97\u1a98\u1a99\u1b50\u1b51\u1b52\u1b53\u1b54\u1b55\u1b56\u1b57\u1b58\u1b59\u1bb0\u1bb1\u1bb2\u1bb3\u1bb4\u1bb5\u1bb6\u1bb7\u1bb8\u1bb9\u1c40\u1c41\u1c42\u1c43\u1c44\u1c45\u1c46\u1c47\u1c48\u1c49\u1c50\u1c51\u1c52\u1c53\u1c54\u1c55\u1c56\u1c57\u1c58\u1c59\ua620\ua621\ua622\ua623\ua624\ua625\ua626\ua627\ua628\ua629\ua8d0\ua8d1\ua8d2\ua8d3\ua8d4\ua8d5\ua8d6\ua8d7\ua8d8\ua8d9\ua900\ua901\ua902\ua903\ua904\ua905\ua906\ua907\ua908\ua909\ua9d0\ua9d1\ua9d2\ua9d3\ua9d4\ua9d5\ua9d6\ua9d7\ua9d8\ua9d9\ua9f0\ua9f1\ua9f2\ua9f3\ua9f4\ua9f5\ua9f6\ua9f7\ua9f8\ua9f9\uaa50\uaa51\uaa52\uaa53\uaa54\uaa55\uaa56\uaa57\uaa58\uaa59\uabf0\uabf1\uabf2\uabf3\uabf4\uabf5\uabf6\uabf7\uabf8\uabf9\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\ud801\udca0\ud801\udca1\ud801\udca2\ud801\udca3\ud801\udca4\ud801\udca5\ud801\udca6\ud801\udca7\ud801\udca8\ud801\udca9\ud803\udd30\ud803\udd31\ud803\udd32\ud803\udd33\ud803\udd34\ud803\udd35\ud803\udd36\ud803\udd37\ud803\udd38\ud803\udd39\ud804\udc66\ud804\udc67\ud804\udc68\ud804\udc69\ud804\udc6a\ud804\udc6b\ud804\udc6c\ud804\udc6d\ud804\udc6e\ud804\udc6f\ud804\udcf0\ud804\udcf1\ud804\udcf2\ud804\udcf3\ud804\udcf4\ud804\udcf5\ud804\udcf6\ud804\udcf7\ud804\udcf8\ud804\udcf9\ud804\udd36\ud804\udd37\ud804\udd38\ud804\udd39\ud804\udd3a\ud804\udd3b\ud804\udd3c\ud804\udd3d\ud804\udd3e\ud804\udd3f\ud804\uddd0\ud804\uddd1\ud804\uddd2\ud804\uddd3\ud804\uddd4\ud804\uddd5\ud804\uddd6\ud804\uddd7\ud804\uddd8\ud804\uddd9\ud804\udef0\ud804\udef1\ud804\udef2\ud804\udef3\ud804\udef4\ud804\udef5\ud804\udef6\ud804\udef7\ud804\udef8\ud804\udef9\ud805\udc50\ud805\udc51\ud805\udc52\ud805\udc53\ud805\udc54\ud805\udc55\ud805\udc56\ud805\udc57\ud805\udc58\ud805\udc59\ud805\udcd0\ud805\udcd1\ud805\udcd2\ud805\udcd3\ud805\udcd4\ud805\udcd5\ud805\udcd6\ud805\udcd7\ud805\udcd8\ud805\udcd9\ud805\ude50\ud805\ude51\ud805\ude52\ud805\ude53\ud805\ude54\ud805\ude55\ud805\ude56\ud805\ude57\ud805\ude58\ud805\ude59\ud805\udec0\ud805\udec1\ud805\udec2\ud805\udec3\ud805\udec4\ud805\udec5\ud805\udec6\ud805\udec7\ud805\udec8\ud805\udec9\ud805\udf30\ud805\udf31\ud805\udf32\ud805\udf33\ud805\udf34\ud805\udf35\ud805\udf36\ud805\udf37\ud805\udf38\ud805\udf39\ud806\udce0\ud806\udce1\ud806\udce2\ud806\udce3\ud806\udce4\ud806\udce5\ud806\udce6\ud806\udce7\ud806\udce8\ud806\udce9\ud806\udd50\ud806\udd51\ud806\udd52\ud806\udd53\ud806\udd54\ud806\udd55\ud806\udd56\ud806\udd57\ud806\udd58\ud806\udd59\ud807\udc50\ud807\udc51\ud807\udc52\ud807\udc53\ud807\udc54\ud807\udc55\ud807\udc56\ud807\udc57\ud807\udc58\ud807\udc59\ud807\udd50\ud807\udd51\ud807\udd52\ud807\udd53\ud807\udd54\ud807\udd55\ud807\udd56\ud807\udd57\ud807\udd58\ud807\udd59\ud807\udda0\ud807\udda1\ud807\udda2\ud807\udda3\ud807\udda4\ud807\udda5\ud807\udda6\ud807\udda7\ud807\udda8\ud807\udda9\ud81a\ude60\ud81a\ude61\ud81a\ude62\ud81a\ude63\ud81a\ude64\ud81a\ude65\ud81a\ude66\ud81a\ude67\ud81a\ude68\ud81a\ude69\ud81a\udec0\ud81a\udec1\ud81a\udec2\ud81a\udec3\ud81a\udec4\ud81a\udec5\ud81a\udec6\ud81a\udec7\ud81a\udec8\ud81a\udec9\ud81a\udf50\ud81a\udf51\ud81a\udf52\ud81a\udf53\ud81a\udf54\ud81a\udf55\ud81a\udf56\ud81a\udf57\ud81a\udf58\ud81a\udf59\ud835\udfce\ud835\udfcf\ud835\udfd0\ud835\udfd1\ud835\udfd2\ud835\udfd3\ud835\udfd4\ud835\udfd5\ud835\udfd6\ud835\udfd7\ud835\udfd8\ud835\udfd9\ud835\udfda\ud835\udfdb\ud835\udfdc\ud835\udfdd\ud835\udfde\ud835\udfdf\ud835\udfe0\ud835\udfe1\ud835\udfe2\ud835\udfe3\ud835\udfe4\ud835\udfe5\ud835\udfe6\ud835\udfe7\ud835\udfe8\ud835\udfe9\ud835\udfea\ud835\udfeb\ud835\udfec\ud835\udfed\ud835\udfee\ud835\udfef\ud835\udff0\ud835\udff1\ud835\udff2\ud835\udff3\ud835\udff4\ud835\udff5\ud835\udff6\ud835\udff7\ud835\udff8\ud835\udff9\ud835\udffa\ud835\udffb\ud835\udffc\ud835\udffd\ud835\udffe\ud835\udfff\ud838\udd40\ud838\udd41\ud838\udd42\ud838\udd43\ud838\udd44\ud838\udd45\ud838\udd46\ud838\udd47\ud838\udd48\ud838\udd49\ud838\udef0\ud838\udef1\ud838\udef2\ud838\udef3\ud838\udef4\ud838\udef5\ud838\udef6\ud838\udef7\ud838\udef8\ud838\udef9\ud83a\udd50\ud83a\udd51\ud83a\udd52\ud83a\udd53\ud83a\udd54\ud83a\udd55\ud83a\udd56\ud83a\udd57\ud83a\udd58\ud83a\udd59\ud83e\udff0\ud83e\udff1\ud83e\udff2\ud83e\udff3\ud83e\udff4\ud83e\udff5\ud83e\udff6\ud83e\udff7\ud83e\udff8\ud83e\udff9\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089\u24ea\u2460\u2461\u2462\u2463\u2464\u2465\u2466\u2467\u2468\u24ff\u2776\u2777\u2778\u2779\u277a\u277b\u277c\u277d\u277e\u24ea\u24f5\u24f6\u24f7\u24f8\u24f9\u24fa\u24fb\u24fc\u24fd\ud83c\udd0b\u2780\u2781\u2782\u2783\u2784\u2785\u2786\u2787\u2788\ud83c\udd0c\u278a\u278b\u278c\u278d\u278e\u278f\u2790\u2791\u2792\u24ea\u2474\u2475\u2476\u2477\u2478\u2479\u247a\u247b\u247c\ud83c\udd00\u2488\u2489\u248a\u248b\u248c\u248d\u248e\u248f\u2490\ud83c\udd01\ud83c\udd02\ud83c\udd03\ud83c\udd04\ud83c\udd05\ud83c\udd06\ud83c\udd07\ud83c\udd08\ud83c\udd09\ud83c\udd0a\u3007\u3021\u3022\u3023\u3024\u3025\u3026\u3027\u3028\u3029\u3007\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u96f6\u5e7a\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u96f6\u58f9\u8d30\u53c1\u8086\u4f0d\u9646\u67d2\u634c\u7396\u96f6\u58f9\u8cb3\u53c3\u8086\u4f0d\u9678\u67d2\u634c\u7396";

export const LIKE_DIGITS = ["Oo\u041e\u043e\u039f\u03bf\u25cb\u25ef\uff2f\uff4f", "lIi\u0406\u0456\u0399\u03b9\u04c0\u0131\uff4c\uff29\uff49", "Zz", "", "", "Ss", "b", "", "B", "g"];

export const LETTERS = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0370-\u04ff\uff21-\uff3a\uff41-\uff5a";

export const SURE_LIKE = 2;

export const BLANKS = "\t\n\u000b\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";

export const UNSEEN = "\u00ad\u0300-\u036f\u0483-\u0489\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20d0-\u20ff\u3099\u309a\u3164\ufe00-\ufe0f\ufe20-\ufe2f\ufeff\uffa0\ufff9-\ufffb";

export const UNSEEN_ABOVE = [[917504, 917999]];

export const SEPARATORS = ".,'\u2019\u00b7\u30fb\u2027\u2022/_|\\\\\\-\u058a\u05be\u1400\u1806\u2010-\u2015\u2212\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u301c\u3030\u30a0\u30fb\ufe31\ufe32\ufe58\ufe63\uff0c-\uff0f\uff3c\uff3f\uff5c\uff65";

export const DATES = ["(?:19|20)[0-9]{2}-(?:0?[1-9]|1[0-2])-(?:0?[1-9]|[12][0-9]|3[01])(?![0-9])", "(?:19|20)[0-9]{2}/(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12][0-9]|3[01])(?![0-9])", "(?:19|20)[0-9]{2}\\.(?:0?[1-9]|1[0-2])\\.(?:0?[1-9]|[12][0-9]|3[01])(?![0-9])", "(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9])?(?![0-9])", "(?:0?[1-9]|[12][0-9]|3[01])-(?:0?[1-9]|[12][0-9]|3[01])-(?:(?:19|20)[0-9]{2}|[0-9]{2})(?![0-9])", "(?:0?[1-9]|[12][0-9]|3[01])/(?:0?[1-9]|[12][0-9]|3[01])/(?:(?:19|20)[0-9]{2}|[0-9]{2})(?![0-9])", "(?:0?[1-9]|[12][0-9]|3[01])\\.(?:0?[1-9]|[12][0-9]|3[01])\\.(?:(?:19|20)[0-9]{2}|[0-9]{2})(?![0-9])", "(?:19|20)[0-9]{2}-(?:0?[1-9]|1[0-2])-(?:19|20)[0-9]{2}-(?:0?[1-9]|1[0-2])(?![0-9])", "(?:19|20)[0-9]{2}[-/.](?:0?[1-9]|1[0-2])(?![0-9]|-(?!(?:19|20)[0-9]{2}(?![0-9]))[0-9]{3})", "(?:0?[1-9]|1[0-2])[-/.](?:19|20)[0-9]{2}(?![0-9])", "(?:19|20)[0-9]{2}(?![0-9]|-(?!(?:19|20)[0-9]{2}(?![0-9]))[0-9]{3})"];

export const AMOUNTS = ["[1-9][0-9]{0,2}(?:,[0-9]{3}){4}\\.[0-9]{1,4}(?![0-9])", "[1-9][0-9]{0,2}(?:,[0-9]{3}){1,3}(?:\\.[0-9]{1,4})?(?![0-9]|,[0-9]{3})", "[1-9][0-9]{0,2}(?:['\u2019][0-9]{3}){1,3}(?:\\.[0-9]{1,4})?(?![0-9]|['\u2019][0-9])", "[1-9][0-9]{0,2}(?:[. ][0-9]{3}){1,3},[0-9]{1,4}(?![0-9])", "(?:0|[1-9][0-9]{0,8})\\.[0-9]{1,4}(?![0-9])", "[1-9][0-9]{9}\\.[0-9]{2}(?![0-9])", "[0-9]\\.[0-9]{5,8}(?![0-9])"];

export const OTHERS = ["(?:86[- ]?)?[48]00[- ]?[0-9]{3}[- ]?[0-9]{4}(?:-[0-9]{1,5})?(?![0-9])", "[48]00[- ][0-9]{2}[- ]95[0-9]{3}(?![0-9])", "95[0-9]{3,4}-[0-9]{1,4}(?![0-9])", "(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?![0-9])", "97[89]-[0-9]-[0-9]{2,5}-[0-9]{2,6}-[0-9](?![0-9])", "(?:19|20)[0-9]{2}-(?:0?[1-9]|1[0-2])(?:-(?:0?[1-9]|[12][0-9]|3[01]))?-(?!(?:19|20)[0-9]{2}(?![0-9]))[0-9]{3,8}(?![0-9])", "20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:-?(?:[0-9]{3}|[0-9]{5,8})|-[0-9]{4})(?![0-9])", "(?:19|20)[0-9]{2}-[0-9]{3,8}(?![0-9])"];

export const ROUND = "[1-9][0-9]{0,5}00(?![0-9])";

export const ORDINARY = ["(?:86[- ]?)?[48]00[- ]?[0-9]{3}[- ]?[0-9]{4}(?:-[0-9]{1,5})?(?![0-9])", "[48]00[- ][0-9]{2}[- ]95[0-9]{3}(?![0-9])", "95[0-9]{3,4}-[0-9]{1,4}(?![0-9])", "(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?![0-9])", "97[89]-[0-9]-[0-9]{2,5}-[0-9]{2,6}-[0-9](?![0-9])", "(?:19|20)[0-9]{2}-(?:0?[1-9]|1[0-2])(?:-(?:0?[1-9]|[12][0-9]|3[01]))?-(?!(?:19|20)[0-9]{2}(?![0-9]))[0-9]{3,8}(?![0-9])", "20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:-?(?:[0-9]{3}|[0-9]{5,8})|-[0-9]{4})(?![0-9])", "(?:19|20)[0-9]{2}-(?:0?[1-9]|1[0-2])-(?:0?[1-9]|[12][0-9]|3[01])(?![0-9])", "(?:19|20)[0-9]{2}/(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12][0-9]|3[01])(?![0-9])", "(?:19|20)[0-9]{2}\\.(?:0?[1-9]|1[0-2])\\.(?:0?[1-9]|[12][0-9]|3[01])(?![0-9])", "(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9])?(?![0-9])", "(?:0?[1-9]|[12][0-9]|3[01])-(?:0?[1-9]|[12][0-9]|3[01])-(?:(?:19|20)[0-9]{2}|[0-9]{2})(?![0-9])", "(?:0?[1-9]|[12][0-9]|3[01])/(?:0?[1-9]|[12][0-9]|3[01])/(?:(?:19|20)[0-9]{2}|[0-9]{2})(?![0-9])", "(?:0?[1-9]|[12][0-9]|3[01])\\.(?:0?[1-9]|[12][0-9]|3[01])\\.(?:(?:19|20)[0-9]{2}|[0-9]{2})(?![0-9])", "(?:19|20)[0-9]{2}-(?:0?[1-9]|1[0-2])-(?:19|20)[0-9]{2}-(?:0?[1-9]|1[0-2])(?![0-9])", "(?:19|20)[0-9]{2}[-/.](?:0?[1-9]|1[0-2])(?![0-9]|-(?!(?:19|20)[0-9]{2}(?![0-9]))[0-9]{3})", "(?:0?[1-9]|1[0-2])[-/.](?:19|20)[0-9]{2}(?![0-9])", "(?:19|20)[0-9]{2}(?![0-9]|-(?!(?:19|20)[0-9]{2}(?![0-9]))[0-9]{3})", "(?:19|20)[0-9]{2}-[0-9]{3,8}(?![0-9])", "[1-9][0-9]{0,2}(?:,[0-9]{3}){4}\\.[0-9]{1,4}(?![0-9])", "[1-9][0-9]{0,2}(?:,[0-9]{3}){1,3}(?:\\.[0-9]{1,4})?(?![0-9]|,[0-9]{3})", "[1-9][0-9]{0,2}(?:['\u2019][0-9]{3}){1,3}(?:\\.[0-9]{1,4})?(?![0-9]|['\u2019][0-9])", "[1-9][0-9]{0,2}(?:[. ][0-9]{3}){1,3},[0-9]{1,4}(?![0-9])", "(?:0|[1-9][0-9]{0,8})\\.[0-9]{1,4}(?![0-9])", "[1-9][0-9]{9}\\.[0-9]{2}(?![0-9])", "[0-9]\\.[0-9]{5,8}(?![0-9])", "[1-9][0-9]{0,5}00(?![0-9])"];

export const ORDINARY_GAP = "[ ]+(?:[-/|][ ]+)?|[-/|]|,[ ]+";

export const DECIMALS = "(?:0|[1-9][0-9]{0,8})\\.[0-9]{1,4}(?:,[ ]*(?:0|[1-9][0-9]{0,8})\\.[0-9]{1,4})+";

export const LONG_DECIMAL = "[0-9.]{7}";

export const VERSION = "[0-9]{1,3}(?:\\.(?:0|[1-9][0-9]{0,4})){2,4}";

export const ROW = "(?:0|[1-9][0-9]{0,2})(?:[ ,/]+(?:0|[1-9][0-9]{0,2})){3,}";

export const CODES = [["(?:^|[^A-Za-z])[A-Z]{2,6}-?$", "(?:19|20)[0-9]{2}-?[0-9]{5,8}"], ["(?:^|[^A-Za-z])[A-Z]{2,6}-?$", "00(?!86)[0-9]{5,10}"], ["(?:^|[^A-Za-z])[A-Z]{1,5}(?:/[A-Z]{1,3})?[ -]?$", "[0-9]{2,6}(?:\\.[0-9]{1,2})?-(?:19|20)[0-9]{2}"], ["(?:^|[^A-Za-z])[CZ]$", "[17]0[0-9]{3}[12][0-9]0[0-9]{5}"], ["\u516c\u7f51\u5b89\u5907[\t\n\u000b\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$", "[0-9]{14}"]];

export const SECURITY_BEFORE = "(?:^|[^A-Za-z])([A-Z]{2})$";

export const SECURITY = "[0-9]{10}";

export const HOUR = "[0-9]{1,2}(?![0-9])";

export const DASHES = "\\-\u2010-\u2015\u2212\uff0d~\uff5e";

export const CURRENCY_BEFORE = "(?:[\u00a5\uffe5$\u20ac\u00a3]|RMB|CNY|USD|HKD|EUR)[\t\n\u000b\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$";

export const CURRENCY_AFTER = "^[\t\n\u000b\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*(?:\u5143|\u5706|\u5757|\u4e07|\u4ebf|\u4efd|\u80a1|%|\uff05|\u7f8e\u5143|\u6e2f\u5143|\u6e2f\u5e01|\u6b27\u5143|yuan|RMB|CNY|USD|HKD|EUR|dollars|shares|units)";

export const MOST_AMOUNT = 12;

export const SHAPES = [{"name": "identity card", "digits": [18], "begins": "[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])", "check": "iso7064"}, {"name": "identity card of before 1999", "digits": [15], "begins": "[1-9][0-9]{7}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])", "check": "province"}, {"name": "bank card", "digits": [14, 15, 16, 17, 18, 19], "begins": "(?:62|9[0-9]|4|5[0-9]|6[0-9]|3[0-9]|2[2-7]|81)", "check": "luhn"}, {"name": "mobile telephone", "digits": [11], "begins": "1[3-9]", "check": "groups"}, {"name": "mobile telephone with its country", "digits": [13], "begins": "861[3-9]", "check": "groups"}];

export const IDENTITY_WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

export const IDENTITY_CHECKS = "10X98765432";

export const PROVINCES = [11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82];

export const GROUPS = [[3, 4, 4], [2, 3, 4, 4], [4, 4, 3], [3, 8], [3, 3, 5], [7, 4], [6, 8, 4], [6, 4, 4, 4], [6, 13], [6, 12]];

export const INLINE = new Set(["a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd", "mark", "nobr", "q", "rb", "rt", "ruby", "s", "samp", "slot", "small", "span", "strike", "strong", "sub", "sup", "textpath", "time", "tspan", "tt", "u", "var", "wbr"]);

export const ENDS = new Set(["article", "aside", "body", "button", "caption", "details", "dialog", "dl", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "html", "main", "nav", "ol", "section", "select", "summary", "table", "tbody", "tfoot", "thead", "title", "tr", "ul"]);

export const GEOMETRY = new Set(["baseFrequency", "cx", "cy", "d", "dx", "dy", "fill-opacity", "fx", "fy", "gradientTransform", "height", "kernelMatrix", "keySplines", "keyTimes", "markerHeight", "markerWidth", "offset", "opacity", "patternTransform", "points", "r", "refX", "refY", "rotate", "rx", "ry", "stdDeviation", "stroke-dasharray", "stroke-dashoffset", "stroke-opacity", "stroke-width", "tableValues", "textLength", "transform", "values", "viewBox", "viewbox", "width", "x", "x1", "x2", "y", "y1", "y2"]);
