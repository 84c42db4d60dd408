window.YTD.twitter_circle_tweet.part0 = [
 {
  "tweet": {
   "id_str": "901",
   "full_text": "SECRET circle"
  }
 }
]