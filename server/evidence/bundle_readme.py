"""What README.txt of an evidence bundle says."""

from __future__ import annotations

from typing import Final

README: Final = """\
面对面 (Visavis) 证据包

  report.html      可打印的报告：经过、参与人、客户同意、缺失时段及原因、客户材料、核验结论
  tracks/          录音录像的每一段，加密，与存储中的文件逐字节相同
  documents/       客户材料的原件和查看件，加密，逐字节相同
  journal.jsonl    事件日志，每条记录都写有前一条的哈希值
  statement.json   完整性声明
  key.json         本次会话的数据密钥，未加密。持有本证据包即可观看全部内容，请按录音录像同等要求保管
  notice.txt       客户同意的录音录像告知书全文 (仅当其哈希值与日志一致时提供)
  bundle.json      由谁、何时、为何制作
  SHA256SUMS       以上全部文件的哈希值；SHA256SUMS.sig 是机构签名密钥对它的签名，signing.pub 是公钥

核验方法 (无需安装 Visavis；需要 Python 3.9 以上版本和 cryptography 软件包)：

  sha256sum -c SHA256SUMS
  python3 verify.py --key 公钥

公钥应从证据包以外的渠道取得。如不放心包内的 verify.py，可从其他渠道取得同一文件。
退出码：0 完好；1 有改动或缺失，并逐一指明；2 无法在本机核验。


Visavis evidence bundle

  report.html      a report for printing: what happened, who, consent, gaps and why, documents, the verdict
  tracks/          every segment of the recording, encrypted, byte for byte as it is stored
  documents/       the customer's documents, original and as shown, encrypted, byte for byte
  journal.jsonl    the journal: each entry names the hash of the one before it
  statement.json   the completeness statement
  key.json         this session's data key, in clear. Whoever has the bundle can see and hear the recording: keep it
                   as you keep the recording itself
  notice.txt       the recording notice that the customer agreed to (where its hash is the journaled one)
  bundle.json      who made this, when, and what for
  SHA256SUMS       the hash of every file above; SHA256SUMS.sig is its signature by the site's key, signing.pub that
                   key's public half

To check it (without Visavis; Python 3.9 or newer and the package cryptography are needed):

  sha256sum -c SHA256SUMS
  python3 verify.py --key PUBLIC-KEY

Get the public key in another way than with this bundle, and verify.py too if you do not trust the one in here.
Exit code 0: sound. 1: something was changed or is missing, and is named. 2: it cannot be checked on this machine.
Whether OpenSSL agrees:
  openssl pkeyutl -verify -pubin -inkey signing.pub -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig
"""
